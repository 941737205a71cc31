import shutil
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("f2o_bringup", "beartype.beartype")

CONFIG = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture
def fr3_cell(tmp_path):
    """A configuration folder for a cell with one camera."""
    folder = tmp_path / "cell"
    shutil.copytree(CONFIG, folder)
    for name in ("perception", "recorder"):
        file = folder / f"{name}.yaml"
        file.write_text(file.read_text().replace("[wrist, external_1, external_2]", "[wrist]"))
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("../checkpoints", str(CONFIG.parent / "checkpoints")))
    return str(folder)
