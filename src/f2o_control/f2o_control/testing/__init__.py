"""What tests and benchmarks share: a checker of limits, and rigs around the bridge. Nothing here runs beside an arm."""

from f2o_control.testing.checker import CONFIG, PERIOD, violations

__all__ = ["CONFIG", "PERIOD", "violations"]
