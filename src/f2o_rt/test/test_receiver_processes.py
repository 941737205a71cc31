"""The receiver as a real process: what it says, and what it leaves behind."""

import dataclasses
import signal
import socket
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
from f2o_control.adapters.udp import UdpAdapter, UdpRules, open_socket
from f2o_control.datagrams import Bond, Refusal
from f2o_control.key import make_key, read_key
from f2o_control.limiter import TargetLimiter
from f2o_control.testing import CONFIG
from f2o_control.wire import pack_target, unpack_target


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
        ("robot=ur5", "robot: expected fr3, fr3v2, panda or the path of a robot's YAML file, got 'ur5'"),
        ("realtime=maybe", "realtime: expected one of enforce, ignore, got 'maybe'"),
        (
            "listen=9.9.9.9",
            "1 error: key: listen: 9.9.9.9 is reached from other machines; expected a file that python -m f2o_rt key",
        ),
        (
            "key=missing",
            "/missing: No such file or directory; expected a file that python -m f2o_rt key FILE",
        ),
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


def test_one_command_makes_the_key(tmp_path):
    words = [sys.executable, "-m", "f2o_rt", "key"]
    made = subprocess.run([*words, str(tmp_path / "key")], capture_output=True, text=True, timeout=60)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"{tmp_path / 'key'}: copy it to the other PC; name it in bridge.yaml")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600 and len(read_key(tmp_path / "key")) == 32
    for wrong, text in (([str(tmp_path / "key")], "File exists"), ([], "expected the path of one new file")):
        again = subprocess.run([*words, *wrong], capture_output=True, text=True, timeout=60)
        assert (again.returncode, again.stdout, again.stderr.count("\n")) == (2, "", 1)
        assert again.stderr.startswith("f2o_rt_receiver: key: ") and text in again.stderr


class Tapped:
    """A socket whose datagrams somebody on the network writes down."""

    def __init__(self):
        self._socket, self.record = open_socket(), []

    def sendto(self, data, address):
        self.record.append(data)
        return self._socket.sendto(data, address)

    def recv(self, size):
        return self._socket.recv(size)

    def close(self):
        self._socket.close()


def until(bridge, done):
    """Poll and stand still until ``done``; what the receiver said last."""
    deadline = time.monotonic() + 30
    while True:
        said = bridge(True)
        if done(said):
            return said
        assert time.monotonic() < deadline, said.problem
        time.sleep(0.004)


def test_a_stranger_at_another_address_gets_no_answer_and_no_arm(tmp_path, panda, home):
    """With real sockets: made-up and recorded datagrams, while the bridge is there and after it has gone."""
    make_key(tmp_path / "key")
    process = receiver("port=47113", f"key={tmp_path / 'key'}", f"trace={tmp_path / 'trace.npz'}")
    tapped, key = Tapped(), read_key(tmp_path / "key")
    adapter = UdpAdapter(panda, UdpRules(port=47113, key=str(tmp_path / "key")), datagrams=tapped)
    limiter = TargetLimiter(panda.limits("normal"), 0.008)
    limiter.reset(home)

    def bridge(sending):
        said = adapter.poll(time.monotonic_ns())
        if "the arm stopped by itself" in said.problem:  # a busy machine gave it no cycles
            adapter.recover()
        if sending and not said.problem:
            adapter.send(limiter.command(0.008), float("nan"))
        return said

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.setblocking(False)
        try:
            until(bridge, lambda said: adapter._status is not None and adapter._status.sequence > 20)
            last = unpack_target(tapped.record[-1], key)
            elsewhere = dataclasses.replace(last.state, position=home + 0.04)
            made_up = dataclasses.replace(
                last, sequence=last.sequence + 1000, state=elsewhere, gripper_width=0.0
            )
            with_peer = [data for data in tapped.record if unpack_target(data, key).peer][-50:]
            for data in (
                *[pack_target(made_up, bytes(32))] * 50,
                pack_target(made_up),
                *with_peer,
                b"?",
            ):
                stranger.sendto(data, ("127.0.0.1", 47113))
            refused = adapter._status.refused
            until(bridge, lambda said: adapter._status.refused >= refused + 52 + len(with_peer))
            assert adapter._status.bond is Bond.YOURS and adapter._status.refusal is Refusal.SENDER
            time.sleep(1.5)  # the bridge is silent: sender_timeout_s
            for data in with_peer:
                stranger.sendto(data, ("127.0.0.1", 47113))
            far = until(bridge, lambda said: not said.problem)
            assert np.abs(far.joints.positions - home).max() < 1e-6
            with pytest.raises(BlockingIOError):
                stranger.recv(200)
        finally:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
            adapter.close()
    assert err == "" and "51 under another key than this PC's, or a stranger's" in out
    moved = np.ptp(np.load(tmp_path / "trace.npz")["set_point"], axis=0).max()
    assert moved < 2**-27, "but for a datagram's rounding"
