"""Entry points and Ctrl-C: none catches them off guard, and none is ignored."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Callable


def end_at_once_on_signal() -> None:
    """Until somebody takes the signals over, SIGINT and SIGTERM end the process in silence, with status 0."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))


def restore_interrupt() -> None:
    """Let SIGINT raise KeyboardInterrupt again, where what started this process has it ignored.

    ``nohup make test &`` in a script and many CI runners do, and every process below inherits it. What this process
    starts from now on gets the system's default back.
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
        importlib.import_module(module).main()

    return main
