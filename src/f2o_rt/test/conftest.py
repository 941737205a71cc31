import numpy as np
import pytest
from jaxtyping import install_import_hook

install_import_hook(["f2o_rt", "f2o_control"], "beartype.beartype")

from f2o_control.testing import CONFIG  # noqa: E402


@pytest.fixture(params=["panda", "fr3"])
def robot(request):
    from f2o_control.robot import load_robot

    return load_robot(CONFIG / f"robots/{request.param}.yaml")


@pytest.fixture(scope="session")
def panda():
    from f2o_control.robot import load_robot

    return load_robot(CONFIG / "robots/panda.yaml")


@pytest.fixture(scope="session")
def home(panda):
    return np.array(panda.home)
