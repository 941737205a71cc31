from jaxtyping import install_import_hook

install_import_hook("f2o_teleop", "beartype.beartype")

import contextlib  # noqa: E402
import json  # noqa: E402

import pytest  # noqa: E402
from mcap.exceptions import McapError  # noqa: E402
from mcap.records import Message  # noqa: E402
from mcap.stream_reader import StreamReader  # noqa: E402

TIME = "int32 sec\nuint32 nanosec\n"
HEADER = "# a comment\nbuiltin_interfaces/Time stamp\nstring frame_id\n"
POINT = "std_msgs/Header header\nfloat64[] position\nstring<=8 name\nuint8 KIND=3\nPart[<=4] parts\n"
PART = "float32 x 1.5\nuint8[] data\n"


@pytest.fixture
def prefix(tmp_path):
    """An install prefix with a few message definitions, as every ROS interface package installs them."""
    root = tmp_path / "prefix"
    files = {"builtin_interfaces/Time": TIME, "std_msgs/Header": HEADER, "toy/Point": POINT, "toy/Part": PART}
    for name, text in files.items():
        package, message = name.split("/")
        folder = root / "share" / package / "msg"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{message}.msg").write_text(text)
    described = {"type_hashes": [{"type_name": "toy/msg/Part", "hash_string": "RIHS01_0"}]}
    (root / "share" / "toy" / "msg" / "Part.json").write_text(json.dumps(described))
    return root


@pytest.fixture
def read_truncated():
    """Messages of an MCAP file up to where it ends, footer or not: how a recovery reads it."""

    def read(path):
        got = []
        with path.open("rb") as file, contextlib.suppress(McapError):
            got.extend(record for record in StreamReader(file).records if isinstance(record, Message))
        return got

    return read
