"""Array shapes are checked in tests only."""

import os
import pkgutil

import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Everything but what runs a thousand times a second of simulated time: there the checks take longer than the physics.
HOT = {"world", "controller", "udp_chain"}
ROS = {"convert", "expert_convert", "sim_node", "expert_node", "rig_node"}
PACKAGE = pkgutil.resolve_name("f2o_sim").__path__
CHECKED = [m.name for m in pkgutil.iter_modules(PACKAGE) if m.name not in HOT | ROS]

with install_import_hook([f"f2o_sim.{name}" for name in CHECKED], "beartype.beartype"):
    for name in CHECKED:
        __import__(f"f2o_sim.{name}")


@pytest.fixture(scope="session")
def world():
    """One world for all tests that reset it themselves: compiling the model takes half a second."""
    from f2o_sim.world import World

    return World()
