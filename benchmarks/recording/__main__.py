"""``python -m benchmarks.recording WHAT``: numbers as JSON, for some a figure beside it.

crash    a recorder killed at random moments under load: what is lost
load     processor, memory, delay and losses of the recorder at a given load
latency  a report of the device to the target on its topic
session  many episodes in a row in the simulator, every bag examined afterwards
learn    the bags of a session (--bags) to a policy, and its error in episodes that were held out
round-trip  the bags of a session (--bags) through check, convert, to-lerobot and from-lerobot: what is not as it was
convert  cost of conversion (of --bags): episodes per minute, MB/s beside disk and decoder, memory by episodes
beside   the loop of a running policy with and without a recorder, in turns
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from f2o_nodekit.errors import F2oError

from benchmarks.common.record import write_result

NAMES = ("crash", "load", "latency", "session", "learn", "round-trip", "convert", "beside")


def main() -> int:
    """Run one measurement."""
    arguments = parser().parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        report = measure(arguments)
    except F2oError as error:
        print(f"recording: {error}", file=sys.stderr)
        return 2
    path = arguments.out / f"{arguments.what}.json"
    write_result(path, report)
    print(json.dumps({key: value for key, value in report.items() if not key.startswith("each")}, indent=1))
    draw(arguments.what, report, path.with_suffix(".png"))
    print(path)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(
        prog="python -m benchmarks.recording",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("what", choices=NAMES)
    root.add_argument(
        "--count", type=int, default=100, help="kills, reports, episodes or turns (default 100)"
    )
    root.add_argument("--source", choices=("hid", "expert"), default="hid", help="of the session's episodes")
    root.add_argument("--seconds", type=float, default=10.0)
    root.add_argument("--camera-hz", type=float, default=30.0)
    root.add_argument("--size", default="640x480", help="of a view (default 640x480)")
    root.add_argument("--seed", type=int, default=0)
    root.add_argument(
        "--bags",
        type=Path,
        default=Path("out/bench/bags"),
        help="of a session, for learn, round-trip and convert",
    )
    root.add_argument("--steps", type=int, default=300, help="of training and of distillation, for learn")
    root.add_argument("--checkpoint", type=Path, help="of the policy, for beside")
    root.add_argument("--niceness", type=int, help="of the recorder, for beside")
    root.add_argument("--out", type=Path, default=Path("out/bench"))
    return root


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The numbers of one measurement."""
    width, height = (int(n) for n in arguments.size.split("x"))
    cameras = arguments.camera_hz, width, height
    with tempfile.TemporaryDirectory(dir=arguments.out) as name:
        folder = Path(name)
        if arguments.what == "load":
            from benchmarks.recording import load

            return load.run(arguments.seconds, folder, *cameras)
        if arguments.what == "latency":
            from benchmarks.recording import latency_node

            return latency_node.run(arguments.count, folder, arguments.seed)
        if arguments.what == "session":
            from benchmarks.recording import session

            return session.run(arguments.count, arguments.source, folder, arguments.out / "bags", *cameras)
        if arguments.what == "learn":
            from benchmarks.recording import learn

            return learn.run(arguments.bags, arguments.out / "learn", arguments.steps)
        if arguments.what == "round-trip":
            from benchmarks.recording import round_trip

            return round_trip.run(arguments.bags, folder)
        if arguments.what == "convert":
            from benchmarks.recording import conversion

            return conversion.run(arguments.bags, folder)
        if arguments.what == "beside":
            from benchmarks.recording import beside

            more = arguments.checkpoint, arguments.count, arguments.niceness
            return beside.run(arguments.seconds, folder, *cameras, *more)
        from benchmarks.recording import crash

        journal = arguments.out / "crash.jsonl"
        return crash.run(arguments.count, folder, *cameras, arguments.seed, journal)


def draw(what: str, report: dict[str, Any], path: Path) -> None:
    """The figure, where there is one."""
    from benchmarks.recording import figure

    if what in ("crash", "latency"):
        getattr(figure, f"draw_{what}")(report, path)


if __name__ == "__main__":
    sys.exit(main())
