"""Figures about recording, measured on the machine at hand: ``python -m benchmarks.recording``."""
