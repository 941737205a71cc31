"""Entry points that a Ctrl-C cannot catch off guard."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable


def end_at_once_on_signal() -> None:
    """Until somebody takes the signals over, SIGINT and SIGTERM end the process in silence, with status 0."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))


def starter(module: str) -> Callable[[], None]:
    """The ``main`` of ``module``, imported only when called.

    Importing rclpy, pinocchio or torch takes a second or more, in which Python answers Ctrl-C with a traceback.
    Until the node is built a signal ends the process at once: nothing is open yet that could be lost.
    """

    def main() -> None:
        end_at_once_on_signal()
        importlib.import_module(module).main()

    return main
