"""Entry points that end cleanly on Ctrl-C at any time."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Callable


def end_at_once_on_signal() -> None:
    """Let SIGINT and SIGTERM end the process silently with status 0, until other handlers are installed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))


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
        importlib.import_module(module).main()

    return main
