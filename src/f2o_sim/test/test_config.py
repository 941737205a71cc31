import pytest
from f2o_nodekit.config import ConfigError, load_config
from f2o_nodekit.paths import SOURCE_CONFIG
from f2o_sim.config import ExpertConfig, SimConfig


@pytest.mark.parametrize(("name", "kind"), [("sim.yaml", SimConfig), ("expert.yaml", ExpertConfig)])
def test_the_shipped_files_say_the_defaults(name, kind):
    assert load_config(kind, SOURCE_CONFIG / name) == kind()


def test_every_mistake_is_reported_at_once():
    wrong = {"camera_hz": 0.0, "width": 5000, "views": ["wrist", "top"]}
    with pytest.raises(ConfigError) as caught:
        load_config(SimConfig, SOURCE_CONFIG / "sim.yaml", wrong)
    text = str(caught.value)
    assert "3 errors" in text
    assert "camera_hz: expected a number from 1 to 120, got 0.0" in text
    assert "width: expected an integer from 16 to 1280, got 5000" in text
    assert "views[1]: expected one of wrist, external_1, external_2, got 'top'" in text
