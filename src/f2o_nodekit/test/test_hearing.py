"""Files in shared memory through which a process receives: which of them nobody can open any more."""

import os

import pytest
from f2o_nodekit.hearing import DeafError, Hearing, deaf_ports

MAP = "7f57d1c4c000-7f57d1c59000 rw-s 00000000 00:16 1040175                    /dev/shm/{}\n"


def process(folder, locks, maps):
    (folder / "fd").mkdir(exist_ok=True)
    for k, lock in enumerate(locks):
        os.symlink(f"/dev/shm/{lock}", folder / "fd" / str(k))
    (folder / "maps").write_text("".join(MAP.format(name) for name in maps))
    return folder


@pytest.mark.parametrize(
    ("locks", "maps", "deaf"),
    [
        (["fastdds_port1_el"], ["fastdds_port1"], []),
        (["fastdds_port1_el"], ["fastdds_port1 (deleted)"], ["fastdds_port1"]),
        (["fastrtps_port1_el"], ["fastrtps_port1 (deleted)"], ["fastrtps_port1"]),  # Jazzy's
        # opened again: the old one stays mapped for a while
        (["fastdds_port1_el"], ["fastdds_port1 (deleted)", "fastdds_port1"], []),
        # that of another process, to which this one sends
        (["fastdds_port1_el"], ["fastdds_port1", "fastdds_port2 (deleted)"], []),
        (["fastdds_port1_el"], ["fastdds_port1", "fastdds_port11 (deleted)"], []),
        (["fastdds_3a0a197ddea8deaf_el"], ["fastdds_3a0a197ddea8deaf (deleted)"], []),
        ([], ["fastdds_port1 (deleted)"], []),
    ],
)
def test_a_port_is_replaced_where_its_file_is_gone(tmp_path, locks, maps, deaf):
    assert deaf_ports(process(tmp_path, locks, maps)) == deaf


def test_without_proc_nobody_is_deaf(tmp_path):
    assert deaf_ports(tmp_path) == []


def test_it_must_be_gone_for_three_looks_in_a_row(tmp_path):
    process(tmp_path, ["fastdds_port1_el"], [])
    hearing, good, gone = (
        Hearing(tmp_path),
        MAP.format("fastdds_port1"),
        MAP.format("fastdds_port1 (deleted)"),
    )
    for maps in (gone, gone, good, gone, gone):
        (tmp_path / "maps").write_text(maps)
        hearing.look()
    with pytest.raises(DeafError, match="fastdds_port1 was replaced by another process: nothing that is"):
        hearing.look()
