import shutil
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("f2o_bringup", "beartype.beartype")

CONFIG = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture
def fr3_cell(tmp_path):
    """A configuration folder for a cell with an FR3."""
    folder = tmp_path / "cell"
    shutil.copytree(CONFIG, folder)
    perception = folder / "perception.yaml"
    perception.write_text(perception.read_text().replace("panda_", "fr3_"))
    return str(folder)
