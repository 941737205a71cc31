"""What ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST keeps out: nobody who names this PC as a peer (docs/security.md)."""

import sys
import time

import pytest

from benchmarks.two_pcs.cell import ADDRESSES, Cell, unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")

NODE = "import rclpy\nfrom std_msgs.msg import String\nrclpy.init()\nnode = rclpy.create_node('{name}')\n"
TALKER = NODE + (
    "out = node.create_publisher(String, '/chat', 1)\n"
    "node.create_timer(0.1, lambda: out.publish(String(data='{name}')))\nrclpy.spin(node)\n"
)
LISTENER = NODE + (
    "node.create_subscription(String, '/chat', lambda m: print(m.data, flush=True), 1)\nrclpy.spin(node)\n"
)
LISTENS_S = 8.0


def start(cell, pc, code, log, **told):
    environment = [f"{key}={value}" for key, value in told.items()]
    return cell.start(pc, ["env", "ROS_DOMAIN_ID=40", *environment, sys.executable, "-c", code], log)


@pytest.mark.parametrize(
    ("peers", "meets"),
    [("", False), (ADDRESSES["policy_pc"], True)],
    ids=["one that looks for others", "one that names this PC as its peer"],
)
def test_a_stranger_meets_a_node_that_is_local_if_he_names_its_pc(tmp_path, peers, meets):
    """LOCALHOST says whom a node looks for, not whom it answers: only a firewall or DDS security closes it."""
    stranger = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "ROS_STATIC_PEERS": peers}
    with Cell() as cell:
        own = tmp_path / "own"
        local = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_STATIC_PEERS": ""}
        start(cell, "policy_pc", LISTENER.format(name="ears"), own, **local)
        start(cell, "policy_pc", TALKER.format(name="ours"), tmp_path / "talker", **local)
        start(cell, "real_time_pc", TALKER.format(name="stranger"), tmp_path / "stranger", **stranger)
        began = time.monotonic()
        heard = set()
        while time.monotonic() < began + (60.0 if meets else LISTENS_S) and heard != {"ours", "stranger"}:
            time.sleep(0.2)
            heard = set(own.read_text().split()) if own.exists() else set()
            if heard == set():
                began = time.monotonic() if time.monotonic() < began + 30.0 else began
    assert heard == ({"ours", "stranger"} if meets else {"ours"})
