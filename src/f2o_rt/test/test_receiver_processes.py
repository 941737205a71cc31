"""The receiver as a real process: what it says, and what it leaves behind."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from f2o_control.testing import CONFIG


def receiver(*settings):
    words = [word for setting in settings for word in ("--set", setting)]
    return subprocess.Popen(
        [sys.executable, "-m", "f2o_rt", "--config", str(CONFIG / "receiver.yaml"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("port=0", "receiver.yaml: 1 error: port: expected an integer from 1 to 65535, got 0"),
        ("robot=ur5", "robot_ur5.yaml: 1 error: cannot be read"),
        ("realtime=maybe", "realtime: expected one of enforce, ignore, got 'maybe'"),
        ("listen=9.9.9.9", "listen: 9.9.9.9:47110: Cannot assign requested address; expected a free port"),
        ("port", "--set port: expected key=value"),
        ("robot_ip=[", "--set robot_ip=[: expected a YAML value"),
    ],
)
def test_what_is_wrong_is_one_sentence(setting, text):
    out, err = (process := receiver(setting)).communicate(timeout=30)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("f2o_rt_receiver: ") and text in err


def test_a_missing_pylibfranka_is_one_sentence():
    code = "import sys; sys.modules['pylibfranka'] = None; from f2o_rt.main import main; main()"
    words = ["--config", str(CONFIG / "receiver.yaml"), "--set", "arm=pylibfranka", "--set", "port=47112"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(
        "f2o_rt_receiver: arm: pylibfranka is not installed; pip install pylibfranka"
    )


def test_it_says_how_it_goes_and_leaves_a_trace(tmp_path):
    process = receiver("port=47111", f"trace={tmp_path / 'trace.npz'}")
    assert process.stdout.readline().startswith("panda by mock, on 127.0.0.1:47111; SCHED_FIFO ")
    assert process.stdout.readline().startswith("waiting; cycles ")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    trace = np.load(tmp_path / "trace.npz")
    assert len(trace["mono_ns"]) > 500 and np.ptp(trace["set_point"], axis=0).max() == 0
