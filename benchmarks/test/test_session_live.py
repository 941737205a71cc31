"""A whole recording session through HID bytes: device, teleoperation, bridge, simulator, recorder, bag."""

import pytest

pytest.importorskip("rclpy", reason="no rclpy: no node can run")
pytest.importorskip("f2o_msgs", reason="the workspace is not built: run make setup")

from benchmarks.recording import session


def test_an_episode_is_made_of_hid_reports_alone(tmp_path, own_domain):
    own_domain(37)
    report = session.run(1, "hid", tmp_path, tmp_path / "bags", 10.0, 120, 90)
    (episode,) = report["each"]
    assert (episode["bag"], episode["agree"], episode["metadata_version"]) == ("episode_0000", True, 9)
    assert episode["seconds"] > 4.0
    said = "; ".join(
        episode["problems"]
    )  # a busy machine is slow; but the hand moved the arm and the gripper
    assert "never moved" not in said and "nothing on" not in said, said
    assert report["drops"] == 0
