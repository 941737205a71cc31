"""Faults injected into the real processes: each ends in the mode of its row, no command leaves a limit (faults.py)."""

import os
import shutil

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
if shutil.which("cc") is None:
    pytest.skip("no C compiler: clocks of processes cannot be set", allow_module_level=True)

from bridge_lab import ENVIRONMENT
from fault_table import lab_on_a_small_disk, lab_with_a_receiver, run_disk_full, run_fault, run_udp
from faults import QUICK, UDP


@pytest.fixture(scope="module", autouse=True)
def alone():
    before = {key: os.environ.get(key) for key in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    yield
    for key, value in before.items():
        os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


@pytest.fixture(scope="module")
def shared(alone):
    with lab_on_a_small_disk() as both:
        yield both


@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.name)
def test_a_fault_ends_as_the_table_says(shared, fault):
    row = run_fault(shared[0], fault)
    assert row["problems"] == [] and row["commands"] > 0


def test_a_full_disk_is_one_sentence_at_the_end(shared):
    lab, disk = shared
    if disk.why_not:
        pytest.skip(f"no small file system can be mounted here: {disk.why_not}")
    assert run_disk_full(lab, disk)["problems"] == []


def test_faults_behind_the_udp_path():
    with lab_with_a_receiver() as lab:
        for row in run_udp(lab, UDP):
            assert row["problems"] == [], row["fault"]
