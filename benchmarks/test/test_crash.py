"""SIGKILL under load: the file always opens, with everything before the cut in it; the bench has the times."""

import pytest

pytest.importorskip("rclpy", reason="no rclpy: no recorder can run")
from benchmarks.recording import crash


def test_a_killed_recorder_leaves_files_that_open_recover_and_lack_nothing_before_the_cut(
    tmp_path, own_domain
):
    own_domain(36)
    report = crash.run(4, tmp_path / "crash", 15.0, 240, 180, 1, camera_depth=100)
    assert report["readable"] == report["recovered"] == 4, report
    assert report["numbering_goes_on"], report
    assert report["missing_before_the_cut"] == 0, report
