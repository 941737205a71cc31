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
from f2o_nodekit.robot import read_robot
from f2o_nodekit.ros import reliable
from f2o_nodekit.stamps import from_ns
from f2o_perception.kinematics import ForwardKinematics
from rclpy.executors import SingleThreadedExecutor
from scenes import CALIBRATION, HOME, VIEWS, plane_depth
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2

from f2o_msgs.msg import Observation

PANDA = read_robot("panda")
TICK_S = 1 / 120  # joint states every tick, a gripper state every 8th, images every 4th
STREAMS = ("color", "depth", "camera_info")
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
        self.without, self.shift_ns = set(), {}  # of color, depth and camera_info
        topics = ("color/image_raw", "aligned_depth_to_color/image_raw", "color/camera_info")
        kinds = (Image, Image, CameraInfo)
        self._publishers = [
            node.create_publisher(kind, f"/{view}/{t}", reliable())
            for kind, t in zip(kinds, topics, strict=True)
        ]
        self.look_through(lens)

    def look_through(self, lens):
        mount = CALIBRATION.mount(self.view)
        base = np.eye(4) if mount.parent == "link0" else ForwardKinematics().pose(mount.parent, HOME)
        rgb = np.empty((lens.height, lens.width, 3), np.uint8)
        rgb[:] = COLOURS[self.view]
        info = CameraInfo(width=lens.width, height=lens.height)
        info.k = [lens.fx, 0.0, lens.cx, 0.0, lens.fy, lens.cy, 0.0, 0.0, 1.0]
        depth = plane_depth(lens, base @ mount.matrix(), 0.0)
        self._messages = [image(rgb, "rgb8"), image(depth, "16UC1"), info]

    def shoot(self, now_ns, shift_ns):
        for name, publisher, msg in zip(STREAMS, self._publishers, self._messages, strict=True):
            if self.on and name not in self.without:
                msg.header.stamp = from_ns(now_ns + shift_ns + self.shift_ns.get(name, 0), Time)
                publisher.publish(msg)


class Rig:
    """Publishes in a thread of its own; collects observations and diagnoses while ``wait`` spins."""

    def __init__(self, lens, domain):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("rig", context=self.context)
        self.cameras = {view: Camera(self.node, view, lens) for view in VIEWS}
        self.shots = 0
        self.make_well()
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

    def make_well(self):
        """Every stream comes, and every clock is the same."""
        self.shift_ns = {}  # by view, joints or gripper: added to the stamps
        self.stamp = lambda source, ns: ns  # what a driver makes of it
        self.arm_names, self.widths = list(PANDA.joint_names), [0.02, 0.02]
        for camera in self.cameras.values():
            camera.on, camera.without, camera.shift_ns = True, set(), {}

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
            now_ns = self.node.get_clock().now().nanoseconds
            arm = {"name": self.arm_names, "position": HOME.tolist(), "velocity": [0.0] * 7}
            self._send(self._joints, "joints", now_ns, **arm)
            if tick % 8 == 0:
                fingers = {"name": list(PANDA.finger_joint_names), "position": self.widths}
                self._send(self._gripper, "gripper", now_ns, **fingers)
            if tick % 4 == 0:
                for view, camera in self.cameras.items():
                    camera.shoot(now_ns, self.shift_ns.get(view, 0))
                self.shots += 1

    def _send(self, publisher, source, now_ns, **fields):
        msg = JointState(**fields)
        msg.header.stamp = from_ns(self.stamp(source, now_ns + self.shift_ns.get(source, 0)), Time)
        publisher.publish(msg)

    def _on_diagnostics(self, msg):
        self.diagnoses.update({status.name: status for status in msg.status})
