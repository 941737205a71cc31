"""For every package's tests: what they start ends on SIGINT, also where the shell ignores it (nohup, CI runners)."""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
