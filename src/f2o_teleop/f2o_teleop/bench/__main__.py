"""``python -m f2o_teleop.bench crash | load | latency | session``: numbers as JSON, a figure beside it."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from f2o_nodekit.errors import F2oError


def main() -> int:
    """Run one measurement."""
    parser = argparse.ArgumentParser(prog="python -m f2o_teleop.bench", description=__doc__)
    parser.add_argument("what", choices=("crash", "load", "latency", "session"))
    parser.add_argument("--count", type=int, default=100, help="kills, reports or episodes (default 100)")
    parser.add_argument(
        "--source", choices=("hid", "expert"), default="hid", help="of the session's episodes"
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--camera-hz", type=float, default=30.0)
    parser.add_argument("--size", default="640x480", help="of a view (default 640x480)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        report = measure(arguments)
    except F2oError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    path = arguments.out / f"{arguments.what}.json"
    path.write_text(json.dumps(report, indent=1))
    print(json.dumps({key: value for key, value in report.items() if not key.startswith("each")}, indent=1))
    draw(arguments.what, report, path.with_suffix(".png"))
    print(path)
    return 0


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The numbers of one measurement."""
    width, height = (int(n) for n in arguments.size.split("x"))
    hz = arguments.camera_hz
    with tempfile.TemporaryDirectory(dir=arguments.out) as name:
        folder = Path(name)
        if arguments.what == "load":
            from f2o_teleop.bench import load

            return load.run(arguments.seconds, folder, hz, width, height)
        if arguments.what == "latency":
            from f2o_teleop.bench import latency_node

            return latency_node.run(arguments.count, folder, arguments.seed)
        if arguments.what == "session":
            from f2o_teleop.bench import session

            bags = arguments.out / "bags"
            return session.run(arguments.count, arguments.source, folder, bags, hz, width, height)
        from f2o_teleop.bench import crash

        journal = arguments.out / "crash.jsonl"
        return crash.run(arguments.count, folder, hz, width, height, arguments.seed, journal)


def draw(what: str, report: dict[str, Any], path: Path) -> None:
    """The figure, where there is one."""
    from f2o_teleop.bench import figure

    if what in ("crash", "latency"):
        getattr(figure, f"draw_{what}")(report, path)


if __name__ == "__main__":
    sys.exit(main())
