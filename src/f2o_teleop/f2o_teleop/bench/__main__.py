"""``python -m f2o_teleop.bench crash | load | latency``: numbers as JSON, a figure beside it."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from f2o_teleop.errors import TeleopError


def main() -> int:
    """Run one measurement."""
    parser = argparse.ArgumentParser(prog="python -m f2o_teleop.bench", description=__doc__)
    parser.add_argument("what", choices=("crash", "load"))
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--camera-hz", type=float, default=30.0)
    parser.add_argument("--size", default="640x480", help="of a view (default 640x480)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        report = measure(arguments)
    except TeleopError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    path = arguments.out / f"{arguments.what}.json"
    path.write_text(json.dumps(report, indent=1))
    print(json.dumps({key: value for key, value in report.items() if key != "each"}, indent=1))
    print(path)
    if arguments.what == "crash":
        from f2o_teleop.bench.figure import draw_crash

        draw_crash(report, path.with_suffix(".png"))
    return 0


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The numbers of one measurement."""
    from f2o_teleop.bench import crash, load

    width, height = (int(n) for n in arguments.size.split("x"))
    with tempfile.TemporaryDirectory(dir=arguments.out) as folder:
        if arguments.what == "load":
            return load.run(arguments.seconds, Path(folder), arguments.camera_hz, width, height)
        journal = arguments.out / "crash.jsonl"
        return crash.run(
            arguments.kills, Path(folder), arguments.camera_hz, width, height, arguments.seed, journal
        )


if __name__ == "__main__":
    sys.exit(main())
