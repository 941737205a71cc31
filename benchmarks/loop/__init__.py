"""`make bench-loop`: the live loop for minutes, every tick counted."""
