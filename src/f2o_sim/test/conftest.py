"""Array shapes are checked in tests only."""

import os

import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")

with install_import_hook("f2o_sim", "beartype.beartype"):
    import f2o_sim.conductor
    import f2o_sim.session
    import f2o_sim.simulator
    import f2o_sim.video  # noqa: F401


@pytest.fixture(scope="session")
def world():
    """One world for all tests that reset it themselves: compiling the model takes half a second."""
    from f2o_sim.world import World

    return World()
