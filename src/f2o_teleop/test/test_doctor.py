"""f2o doctor's lines of disk and SpaceMouse."""

import shutil
from types import SimpleNamespace

import pytest
from f2o_teleop.spacemouse import DeviceError

from f2o_teleop import doctor


def test_a_disk_with_room(tmp_path):
    room, speed = doctor.disk(tmp_path / "not/yet/made")
    assert room[0] == "disk" and str(tmp_path) in room[2]
    assert speed[0] == "disk speed" and " MB/s; " in speed[2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free_gb", "level"), [(1.0, "fail"), (20.0, "warn"), (500.0, "ok")])
def test_the_room_that_is_left(tmp_path, monkeypatch, free_gb, level):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free_gb * 1e9))
    first = next(iter(doctor.disk(tmp_path)))
    assert first[1] == level and f"{free_gb:.0f}" in first[2] and bool(first[3]) == (level != "ok")


@pytest.mark.parametrize(("speed", "level"), [(10.0, "fail"), (100.0, "warn"), (900.0, "ok")])
def test_the_speed_of_a_disk(tmp_path, monkeypatch, speed, level):
    monkeypatch.setattr(doctor, "_write_speed", lambda folder: speed)
    assert list(doctor.disk(tmp_path))[1][1] == level


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor, "_write_speed", refuse)
    assert list(doctor.disk(tmp_path))[1][1:3] == ("fail", f"{tmp_path} cannot be written: Permission denied")


@pytest.mark.parametrize(
    ("text", "level", "remedy"),
    [
        ("SpaceMouse: none plugged in (no known product of vendor 256f or 046d)", "warn", "plug it in"),
        (
            "SpaceMouse: SpaceMouse Compact may not be opened: stop spacenavd if it runs",
            "fail",
            "stop spacenavd",
        ),
    ],
)
def test_a_spacemouse_that_is_missing_or_may_not_be_opened(monkeypatch, text, level, remedy):
    def refuse():
        raise DeviceError(text)

    monkeypatch.setattr(doctor, "open_first", refuse)
    line = doctor.spacemouse()
    assert line[:2] == ("spacemouse", level) and line[3].startswith(remedy)


def test_a_spacemouse_that_can_be_opened(monkeypatch):
    closed = []
    monkeypatch.setattr(doctor, "open_first", lambda: SimpleNamespace(close=lambda: closed.append(True)))
    assert doctor.spacemouse()[1] == "ok" and closed == [True]
