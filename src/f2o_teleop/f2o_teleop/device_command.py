"""``f2o spacemouse``: show the device's axes and buttons, and record its HID reports."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add ``spacemouse`` to the parser of ``f2o`` (entry point group f2o.commands)."""
    command = commands.add_parser(
        "spacemouse", help="watch the device's axes and buttons; record its HID reports"
    )
    command.set_defaults(run=run)
    command.add_argument("--record", type=Path, help="write the reports here (teleop.yaml: source: hidfile)")


def run(arguments: argparse.Namespace) -> int:
    """Show readings until Ctrl-C.

    Raises:
        DeviceError: no SpaceMouse, or no permission to open it.
        ScriptError: the file exists or cannot be written, or the device has disappeared.
    """
    from f2o_teleop.errors import ScriptError
    from f2o_teleop.spacemouse import open_first

    path = arguments.record or Path("/dev/null")
    device = open_first()
    try:
        with path.open("w" if arguments.record is None else "x") as out:
            show(device, out.write)
    except KeyboardInterrupt:
        print()
    except FileExistsError:
        raise ScriptError(f"{path}: exists already; expected the name of a new file") from None
    except (OSError, ValueError) as error:  # hidapi raises either when unplugged
        raise ScriptError(f"SpaceMouse: disappeared, or {path} cannot be written ({error})") from None
    finally:
        device.close()
    return 0


def show(device: Any, write: Any) -> None:
    """Show the device's present axes and buttons in one line."""
    from f2o_teleop.device import AXES
    from f2o_teleop.hidfile import copy_reports
    from f2o_teleop.spacemouse import ReportDecoder

    decoder = ReportDecoder()
    for report in copy_reports(device, write, lambda: False):
        if decoder.feed(report):
            reading = decoder.reading()
            axes = "  ".join(f"{name} {value:+.2f}" for name, value in zip(AXES, reading.axes, strict=True))
            pressed = [index for index, down in enumerate(reading.buttons) if down]
            sys.stdout.write(f"\r{axes}  buttons {pressed}   ")
            sys.stdout.flush()
