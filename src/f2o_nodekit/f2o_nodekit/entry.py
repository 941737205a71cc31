"""Entry points that a Ctrl-C cannot catch off guard."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable


def starter(module: str) -> Callable[[], None]:
    """The ``main`` of ``module``, imported only when called.

    Importing rclpy, pinocchio or torch takes a second or more, in which Python answers Ctrl-C with a traceback.
    Until ``main`` takes the signals over, SIGINT and SIGTERM end the process at once and in silence: nothing is open yet.
    """

    def main() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: os._exit(0))
        importlib.import_module(module).main()

    return main
