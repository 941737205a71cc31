"""The simulated robot and its cameras as a ROS node: what franka_ros2 and realsense2_camera would publish."""

from __future__ import annotations

import sys

from f2o_nodekit.ros import ConfiguredNode, run
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from f2o_msgs.msg import TaskState
from f2o_msgs.srv import ResetWorld
from f2o_sim import convert
from f2o_sim.cameras import RgbdImage
from f2o_sim.config import SimConfig
from f2o_sim.diagnostics import cameras, physics
from f2o_sim.errors import SimError, TrajectoryError
from f2o_sim.fci import FCI
from f2o_sim.simulator import Outputs, Simulator
from f2o_sim.world import World

# Message type, name in the configuration's topics, name in convert.CameraMessages.
COLOR = ((Image, "color", "color"), (CameraInfo, "color_info", "info"))
CAMERA_TOPICS = (*COLOR, (Image, "depth", "depth"), (CameraInfo, "depth_info", "info"))


class SimNode(ConfiguredNode):
    """Publishes from the simulator's own threads; the executor only takes commands in."""

    def __init__(self) -> None:
        # Parameters
        super().__init__("sim_node", SimConfig)
        config, topics = self.config, self.config.topics
        # Core
        by_topics = (
            config.adapter != FCI
        )  # else f2o_rt or another client of the control unit speaks for the arm
        outputs = Outputs(
            self._publish_joints if by_topics else _no_output,
            self._publish_gripper if by_topics else _no_output,
            self._publish_task,
            self._publish_image,
        )
        self._simulator = Simulator(config, outputs, self.now_ns)
        # Outputs
        reliable = self.reliable(1)
        self._cameras = {v: convert.CameraMessages(v, config.width, config.height) for v in config.views}
        self._image_publishers = {view: self._camera_publishers(view) for view in config.views}
        self._robot = convert.RobotMessages(self._simulator.world)
        if by_topics:
            self._joints = self.create_publisher(JointState, topics.joint_states, reliable)
            self._fingers = self.create_publisher(JointState, topics.gripper_states, reliable)
        self._task = self.create_publisher(TaskState, topics.task_state, reliable)
        # Inputs
        if by_topics:
            self.create_subscription(JointTrajectory, topics.trajectory, self._on_trajectory, reliable)
            self.create_subscription(Float64MultiArray, topics.gripper_command, self._on_gripper, reliable)
        self.create_service(ResetWorld, topics.reset, self._on_reset)
        # Diagnostics
        self._refused, self._why = 0, ""
        self.add_diagnostics("physics", lambda: physics(self._simulator, self._refused, self._why))
        self.add_diagnostics("cameras", lambda: cameras(self._simulator, config.camera_hz))
        self.create_timer(0.5, self._watch)
        self._simulator.start()

    def close(self) -> None:
        """End the threads; write the log of states."""
        self._simulator.stop()
        if self._simulator.last_words:
            self.get_logger().info(f"control unit: {self._simulator.last_words}")

    def _camera_publishers(self, view: str) -> list[tuple[Publisher, str]]:
        """Each publisher of a camera, and the name of its message in ``CameraMessages``."""
        names = {topic: getattr(self.config.topics, topic).format(view=view) for _, topic, _ in CAMERA_TOPICS}
        return [
            (self.create_publisher(k, names[t], self.reliable(1)), message) for k, t, message in CAMERA_TOPICS
        ]

    def _publish_joints(self, world: World, stamp_ros_ns: int) -> None:
        self._joints.publish(self._robot.fill_arm(world, stamp_ros_ns))

    def _publish_gripper(self, world: World, stamp_ros_ns: int) -> None:
        self._fingers.publish(self._robot.fill_fingers(world, stamp_ros_ns))

    def _publish_task(self, world: World, stamp_ros_ns: int) -> None:
        self._task.publish(self._robot.fill_task(world, stamp_ros_ns))

    def _publish_image(self, image: RgbdImage, stamp_ros_ns: int) -> None:
        messages = self._cameras[image.view]
        wanted = [(p, field) for p, field in self._image_publishers[image.view] if p.get_subscription_count()]
        if wanted:
            messages.fill(image, stamp_ros_ns)
        for publisher, field in wanted:
            publisher.publish(getattr(messages, field))

    def _on_trajectory(self, msg: JointTrajectory) -> None:
        try:
            self._simulator.command(convert.trajectory_from_msg(msg, self._simulator.world.robot.joint_names))
        except TrajectoryError as error:
            self._refused, self._why = self._refused + 1, str(error)

    def _on_gripper(self, msg: Float64MultiArray) -> None:
        try:
            if len(msg.data) != 1:
                raise TrajectoryError(f"gripper: data: expected one width [m], got {len(msg.data)} numbers")
            self._simulator.grip(msg.data[0])
        except TrajectoryError as error:
            self._refused, self._why = self._refused + 1, str(error)

    def _on_reset(self, request: ResetWorld.Request, response: ResetWorld.Response) -> ResetWorld.Response:
        try:
            self._simulator.reset(request.task, request.seed)
        except SimError as error:
            response.success, response.message = False, str(error)
        else:
            response.success, response.message = True, f"{self.config.task}: seed {request.seed}"
        return response

    def _watch(self) -> None:
        """End with the simulator when one of its threads has failed."""
        if self._simulator.failure is not None:
            raise self._simulator.failure


def _no_output(world: World, stamp_ros_ns: int) -> None:
    """For what the control unit's client publishes."""


def main() -> None:
    """Run the node."""
    sys.exit(run(SimNode))


if __name__ == "__main__":
    main()
