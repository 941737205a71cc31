import pytest
from f2o_nodekit.config import ConfigError, load_config
from f2o_sim.config import ExpertConfig, SimConfig
from f2o_sim.errors import ConfigFileError
from f2o_sim.paths import SOURCE_CONFIG, config_file


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


def test_configuration_is_found_where_it_is_installed_first(monkeypatch, tmp_path):
    folder = tmp_path / "share" / "f2o_bringup" / "config"
    folder.mkdir(parents=True)
    (folder / "robot_panda.yaml").write_text("")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert config_file("robot_panda.yaml") == folder / "robot_panda.yaml"
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    assert config_file("robot_panda.yaml") == SOURCE_CONFIG / "robot_panda.yaml"
    with pytest.raises(
        ConfigFileError, match=r"configuration: nothing.yaml not found; expected it in share/f2o_bringup"
    ):
        config_file("nothing.yaml")
