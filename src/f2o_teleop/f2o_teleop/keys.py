"""Keys of the terminal as episode commands; does nothing where there is no terminal."""

import os
import select
import termios
import threading
import tty
from collections.abc import Callable


class Keys:
    """Calls `on_key` with each character typed, from a thread of its own.

    Attributes:
        ended: why no character comes any more, or ''.
    """

    def __init__(self, on_key: Callable[[str], None], fd: int = 0) -> None:
        """Put the terminal `fd` into character mode until `close`."""
        self._fd, self._on_key = fd, on_key
        self._saved: list | None = None
        self._thread: threading.Thread | None = None
        self.ended = "" if os.isatty(fd) else "there is no terminal"
        if self.ended:
            return
        self._saved = termios.tcgetattr(fd)
        tty.setcbreak(fd)  # characters at once; Ctrl-C stays a signal
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and restore the terminal."""
        if self._thread is None or self._saved is None:
            return
        os.write(self._wake_write, b"x")
        self._thread.join()
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._thread = None

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._fd, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            try:
                typed = os.read(self._fd, 16)
            except OSError:
                typed = b""
            if not typed:
                self.ended = "the terminal was closed"
                return
            for character in typed.decode(errors="ignore"):
                self._on_key(character)
