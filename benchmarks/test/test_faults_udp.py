"""Faults behind the udp path, in the real processes. Apart from test_faults.py: two policies would be one too many."""

import shutil

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
if shutil.which("cc") is None:
    pytest.skip("no C compiler: clocks of processes cannot be set", allow_module_level=True)

from benchmarks.faults.faults_node import UDP
from benchmarks.faults.run_node import StarvedError, isolated, lab_with_a_receiver, run_udp


def test_a_fault_of_the_far_end_ends_as_the_table_says():
    with isolated(), lab_with_a_receiver() as lab:
        try:
            for row in run_udp(lab, UDP):
                assert row["problems"] == [], row["fault"]
        except StarvedError as error:
            pytest.skip(str(error))
