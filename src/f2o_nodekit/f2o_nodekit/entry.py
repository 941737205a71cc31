"""Entry points that end cleanly on Ctrl-C at any time."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import threading
from collections.abc import Callable

LAUNCHED_BY = "F2O_LAUNCHED_BY"
"""Environment variable: process id of the launcher that a node must not outlive."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_at_once_on_signal() -> None:
    """Let SIGINT and SIGTERM end the process silently with status 0, until other handlers are installed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))


def end_with_launcher() -> None:
    """Be terminated when the parent dies, even by SIGKILL, if it is the launcher that ``LAUNCHED_BY`` names.

    ``ros2 launch`` does not end its nodes when it is terminated, and no arm may go on moving for nobody.
    """
    if os.environ.get(LAUNCHED_BY) == str(os.getppid()):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def restore_interrupt() -> None:
    """Let SIGINT raise KeyboardInterrupt again where it was inherited as ignored.

    ``nohup make test &`` in a script and many CI runners ignore it for every child process. Processes started from
    now on get the default handler.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored and threading.current_thread() is threading.main_thread():  # others may not touch signals
        signal.signal(signal.SIGINT, signal.default_int_handler)


def starter(module: str) -> Callable[[], None]:
    """The ``main`` of ``module``, imported only when called.

    Importing rclpy, pinocchio or torch takes a second or more, in which Python answers Ctrl-C with a traceback.
    Until the node is built a signal ends the process at once: nothing is open yet that could be lost.
    """

    def main() -> None:
        end_at_once_on_signal()
        end_with_launcher()
        importlib.import_module(module).main()

    return main
