"""Three cameras and a robot as real DDS publishers, and a listener: what the node's own process is tested against."""

from __future__ import annotations

import threading
import time
from array import array

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from f2o_nodekit.pace import Pace
from f2o_nodekit.ros import reliable
from f2o_nodekit.stamps import from_ns
from f2o_perception.config import PANDA_FINGERS, PANDA_JOINTS
from f2o_perception.kinematics import ForwardKinematics
from rclpy.executors import SingleThreadedExecutor
from scenes import CALIBRATION, HOME, VIEWS, plane_depth
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2

from f2o_msgs.msg import Observation

TICK_S = 1 / 120  # joint states every tick, a gripper state every 8th, images every 4th
COLOURS = {view: (40 * i + 10, 100, 200) for i, view in enumerate(VIEWS)}


def image(pixels, encoding):
    msg = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
    msg.step = pixels.nbytes // pixels.shape[0]
    msg.data = array("B", pixels.tobytes())
    return msg


class Camera:
    """One camera that looks at the table z = 0 from where its calibration says, with the arm at home."""

    def __init__(self, node, view, lens):
        self.view, self.on = view, True
        topics = ("color/image_raw", "aligned_depth_to_color/image_raw", "color/camera_info")
        kinds = (Image, Image, CameraInfo)
        self._publishers = [
            node.create_publisher(kind, f"/{view}/{t}", reliable())
            for kind, t in zip(kinds, topics, strict=True)
        ]
        self.look_through(lens)

    def look_through(self, lens):
        mount = CALIBRATION.mount(self.view)
        base = np.eye(4) if mount.parent == "panda_link0" else ForwardKinematics().pose(mount.parent, HOME)
        rgb = np.empty((lens.height, lens.width, 3), np.uint8)
        rgb[:] = COLOURS[self.view]
        info = CameraInfo(width=lens.width, height=lens.height)
        info.k = [lens.fx, 0.0, lens.cx, 0.0, lens.fy, lens.cy, 0.0, 0.0, 1.0]
        depth = plane_depth(lens, base @ mount.matrix(), 0.0)
        self._messages = [image(rgb, "rgb8"), image(depth, "16UC1"), info]

    def shoot(self, stamp):
        for publisher, msg in zip(self._publishers, self._messages if self.on else (), strict=False):
            msg.header.stamp = stamp
            publisher.publish(msg)


class Rig:
    """Publishes in a thread of its own; collects observations and diagnoses while ``wait`` spins."""

    def __init__(self, lens, domain):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("rig", context=self.context)
        self.cameras = {view: Camera(self.node, view, lens) for view in VIEWS}
        self.shots = 0
        self.observations, self.diagnoses, self.clouds = [], {}, []
        self._joints = self.node.create_publisher(JointState, "/franka/joint_states", reliable())
        self._gripper = self.node.create_publisher(JointState, "/franka_gripper/joint_states", reliable())
        self.node.create_subscription(Observation, "/f2o/observation", self.observations.append, reliable(10))
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, reliable(10))
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish)
        self._thread.start()

    def watch_cloud(self):
        self.node.create_subscription(PointCloud2, "/f2o/observation/cloud", self.clouds.append, reliable(1))

    def wait(self, condition, timeout_s=15.0):
        """Spin until ``condition()`` or the time is up; returns its last value."""
        end = time.monotonic() + timeout_s
        while not (result := condition()) and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.1)
        return result

    def close(self):
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def _publish(self):
        pace = Pace(TICK_S)
        while not self._stop.is_set():
            tick = pace.wait().index
            stamp = from_ns(self.node.get_clock().now().nanoseconds, Time)
            arm = {"name": list(PANDA_JOINTS), "position": HOME.tolist(), "velocity": [0.0] * 7}
            self._send(self._joints, stamp, **arm)
            if tick % 8 == 0:
                self._send(self._gripper, stamp, name=list(PANDA_FINGERS), position=[0.02, 0.02])
            if tick % 4 == 0:
                for camera in self.cameras.values():
                    camera.shoot(stamp)
                self.shots += 1

    def _send(self, publisher, stamp, **fields):
        msg = JointState(**fields)
        msg.header.stamp = stamp
        publisher.publish(msg)

    def _on_diagnostics(self, msg):
        self.diagnoses.update({status.name: status for status in msg.status})
