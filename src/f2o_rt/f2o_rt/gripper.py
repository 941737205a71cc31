"""The gripper (a Franka Hand) on the real-time PC, in a process of its own: ``python -m f2o_rt.gripper ADDRESS SPEED``.

It reads goals (a width in m per line) and writes measured widths likewise. Calls of libfranka last until the fingers
stand still; of the goals that arrive meanwhile the newest is carried out. When the connection is lost it connects
again: the receiver cannot start another process beside its loop, which would inherit the loop's real-time priority.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from typing import IO, Any

from f2o_rt.libfranka import exceptions, import_pylibfranka

FORCE = 20.0  # N, of a grasp: does not crush
ANY_WIDTH = 0.08  # m, tolerance of a grasp: whatever is between the fingers counts
UNKNOWN = b"none"  # in the place of a width, while the gripper is not connected
RECONNECT_S = 1.0
WIDTH_PERIOD_S = 0.07  # between two measured widths, about franka_gripper's 15 Hz
ASK, ASKED = (
    b"?",
    "asked",
)  # a line in the place of a goal, and the process's argument with which only that brings a width


class GripperProcess:
    """The receiver's handle of that process; ``width`` is the last measured one [m]. Its methods do not wait."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._goals: IO[bytes] | None = None
        self._widths: IO[bytes] | None = None
        self._goal: float | None = None
        self._partial, self._lines, self._lost = b"", list[bytes](), False
        self.width: float | None = None

    def open(self) -> None:
        """Start the process."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._goals, self._widths = self._process.stdin, self._process.stdout
        for pipe in (self._goals, self._widths):
            assert pipe is not None  # as asked for above
            os.set_blocking(pipe.fileno(), False)

    def grip(self, width: float) -> None:
        """Pass on ``width`` [m] if it differs from the last goal."""
        if width != self._goal and self._goals is not None:
            with contextlib.suppress(OSError):
                self._goals.write(f"{width:.5f}\n".encode())
                self._goal = width

    def read(self) -> None:
        """Read the newest measured width; None while the gripper is not connected, or once the process has ended."""
        if self._fill():
            self.width = None
        while self._take_line():
            pass

    def _fill(self) -> bool:
        """Read what the process has written; whether that was the end."""
        if self._widths is None:
            return False
        try:
            more = self._widths.read(4096)  # None: nothing to read
        except (OSError, ValueError):
            return False
        *lines, self._partial = (self._partial + (more or b"")).split(b"\n")
        self._lines += lines
        return more == b""

    def _take_line(self) -> bool:
        """Take in the oldest line; whether there was one."""
        if not self._lines:
            return False
        line = self._lines.pop(0)
        with contextlib.suppress(ValueError):
            self.width = None if line == UNKNOWN else float(line)
        self._lost = self._lost or line == UNKNOWN
        if self._lost and self.width is not None:
            self._lost, self._goal = False, None  # it was dropped: the goal that stands is sent again
        return True

    def close(self) -> None:
        """End the process, by SIGKILL if it does not end within 2 s."""
        if self._process is None or self._goals is None or self._widths is None:
            return
        self._goals.close()
        self._process.terminate()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._widths.close()


def serve(
    gripper: Any, goals: int, widths: int, speed: float, period_s: float | None = WIDTH_PERIOD_S
) -> None:
    """Carry out the newest goal read from the file ``goals`` at ``speed`` [m/s] until its end.

    ``gripper`` is pylibfranka's. The width is written to ``widths`` after each goal, when asked, and every ``period_s``
    unless that is None.
    """
    text = b""
    while True:
        if select.select([goals], [], [], period_s)[0]:
            if not (more := os.read(goals, 4096)):
                return
            *lines, text = (text + more).split(b"\n")
            if wanted := [line for line in lines if line != ASK]:
                _try(gripper, wanted[-1], speed)
        os.write(widths, f"{gripper.read_once().width:.5f}\n".encode())


def _try(gripper: Any, goal: bytes, speed: float) -> None:
    """Carry out a goal; a failure is printed and does not end the process."""
    try:
        _go(gripper, float(goal), speed)
    # libfranka's errors, e.g. of a reflex or an aborted command, have no common base that is imported here.
    except Exception as error:
        print(f"gripper: goal {goal.decode(errors='replace')!r}: {error}", file=sys.stderr, flush=True)


def _go(gripper: Any, width: float, speed: float) -> None:
    """Open by a move; close by a grasp, which keeps its force on the object."""
    if width >= gripper.read_once().width:
        gripper.move(width, speed)
    else:
        gripper.grasp(width, speed, FORCE, ANY_WIDTH, ANY_WIDTH)


def keep_serving(
    franka: Any, address: str, goals: int, widths: int, speed: float, period_s: float | None = WIDTH_PERIOD_S
) -> None:
    """Connect and serve until the end of ``goals``, again whenever the connection is lost.

    Args:
        franka: the module pylibfranka.
        address: of the gripper.
        goals: file that goals are read from.
        widths: file that measured widths are written to.
        speed: as of ``serve``.
        period_s: likewise.
    """
    said = ""
    while True:
        try:
            return serve(franka.Gripper(address), goals, widths, speed, period_s)
        except exceptions(franka) as error:
            if (text := str(error).rstrip()) != said:
                print(f"gripper: {address}: {text}", file=sys.stderr, flush=True)
            said = text
        os.write(widths, UNKNOWN + b"\n")
        if _ends(goals, RECONNECT_S):
            return


def _ends(goals: int, seconds: float) -> bool:
    """Whether ``goals`` ends within ``seconds``; what comes meanwhile is dropped, for it would be late."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([goals], [], [], left)[0] and not os.read(goals, 4096):
            return True
    return False


def main() -> None:
    """Serve the gripper at the address given, until the receiver ends."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # of a terminal, to the receiver: which ends this process, too
    with contextlib.suppress(BrokenPipeError):  # the receiver is gone
        address, speed, *how = sys.argv[1:]
        files = sys.stdin.fileno(), sys.stdout.fileno()
        keep_serving(
            import_pylibfranka(), address, *files, float(speed), None if ASKED in how else WIDTH_PERIOD_S
        )


if __name__ == "__main__":
    main()
