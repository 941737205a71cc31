"""Shapes are checked in tests only; each test that starts nodes has a corner of DDS to itself."""

import os
import signal
import sys

import pytest
from jaxtyping import install_import_hook

from benchmarks import ROOT

os.environ.setdefault("OMP_NUM_THREADS", "1")
signal.signal(signal.SIGINT, signal.default_int_handler)  # as ../../conftest.py

sys.path.insert(0, str(ROOT / "src" / "f2o_bags" / "test"))  # episodes.py writes bags
install_import_hook(["benchmarks.recording", "benchmarks.udp"], "beartype.beartype")


def pytest_configure(config):
    # imageio-ffmpeg leaves the pipes of its ffmpeg process to the garbage collector
    config.addinivalue_line("filterwarnings", "ignore:unclosed file <_io.Buffered:ResourceWarning")


@pytest.fixture
def own_domain(monkeypatch):
    """Call it with a ROS domain: what the test starts is in it, with room for images in shared memory."""

    def enter(number):
        monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
        defaults = {
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA",
            "FASTDDS_DEFAULT_PROFILES_FILE": str(ROOT / "config" / "dds.xml"),
        }
        for key, value in defaults.items():
            monkeypatch.setenv(key, os.environ.get(key, value))

    return enter


@pytest.fixture(scope="session")
def panda():
    from f2o_control.robot import load_robot

    return load_robot(ROOT / "config" / "robots/panda.yaml")


@pytest.fixture(scope="session")
def world():
    """One world for all tests that reset it themselves: compiling the model takes half a second."""
    from f2o_sim.world import World

    return World()
