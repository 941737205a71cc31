"""Faults injected into the real processes: each ends in the mode of its row, no command leaves a limit (faults.py)."""

import shutil

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
if shutil.which("cc") is None:
    pytest.skip("no C compiler: clocks of processes cannot be set", allow_module_level=True)

from benchmarks.faults.faults_node import QUICK
from benchmarks.faults.run_node import StarvedError, isolated, lab_on_a_small_disk, run_disk_full, run_fault


@pytest.fixture(scope="module")
def shared():
    with isolated(), lab_on_a_small_disk() as both:
        yield both


@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.name)
def test_a_fault_ends_as_the_table_says(shared, fault):
    try:
        row = run_fault(shared[0], fault)
    except StarvedError as error:
        pytest.skip(str(error))
    assert row["problems"] == []


def test_a_full_disk_is_one_sentence_at_the_end(shared):
    lab, disk = shared
    if disk.unavailable:
        pytest.skip(f"no small file system can be mounted here: {disk.unavailable}")
    assert run_disk_full(lab, disk)["problems"] == []
