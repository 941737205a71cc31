"""`make soak`: the bridge for a long time, with faults."""
