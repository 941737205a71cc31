"""The hold-to-run switch as a ROS node: a key of an input device in, whether it is held out."""

import sys
import time

from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from std_msgs.msg import Bool

from f2o_teleop.pedal import open_pedal
from f2o_teleop.switch import EnableConfig, HoldToRun


class EnableNode(ConfiguredNode):
    """Publishes at ``rate_hz`` whether the switch is held; one that is gone is released."""

    def __init__(self) -> None:
        super().__init__("enable_node", EnableConfig)
        self._switch = HoldToRun(lambda: open_pedal(self.config))
        self._held, self._logged = False, ""
        # Best effort: what could not be sent in time must not come later.
        self._states = self.create_publisher(Bool, self.config.topics.enable, self.best_effort(1))
        self.add_diagnostics("enable", self._diagnose)
        self.create_timer(1.0 / self.config.rate_hz, self._tick)

    def close(self) -> None:
        """Close the device."""
        self._switch.close()

    def _tick(self) -> None:
        self._held = self._switch.held(time.monotonic_ns())
        self._states.publish(Bool(data=self._held))
        if self._switch.status != self._logged:
            self._logged = self._switch.status
            self.get_logger().warning(self._logged or "enable switch: found")

    def _diagnose(self) -> Diagnosis:
        status = self._switch.status
        return 2 if status else 0, status or "ok", {"held": str(self._held).lower()}


def main() -> None:
    """Entry point of `ros2 run f2o_teleop enable_node`."""
    sys.exit(run(EnableNode))


if __name__ == "__main__":
    main()
