"""`make faults`: faults injected into the real processes, and where each one ends."""
