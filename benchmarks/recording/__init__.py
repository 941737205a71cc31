"""What recording costs and what a kill loses, measured on this machine: ``python -m benchmarks.recording``."""
