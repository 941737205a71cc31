"""What tests and benchmarks share: a checker of limits, and rigs around the bridge. Nothing here runs beside an arm."""

import os

from f2o_control.testing.checker import CONFIG, PERIOD, violations

__all__ = ["CONFIG", "ENVIRONMENT", "PERIOD", "violations"]

ENVIRONMENT = {  # never a real arm
    "ROS_DOMAIN_ID": os.environ.get("ROS_DOMAIN_ID", "33"),
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
}
