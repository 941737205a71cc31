"""The same tests for our own pairing and, where it is installed, for message_filters'."""

import pytest
from f2o_perception.pairing import QUEUE, CameraInput, ExactPairing, Port
from messages import Message, header

try:
    import message_filters
except ImportError:
    message_filters = None


@pytest.fixture(params=["own", "message_filters"])
def classes(request):
    if request.param == "own":
        return Port, ExactPairing
    if message_filters is None:
        pytest.skip("message_filters is not installed (not on PyPI)")
    return message_filters.SimpleFilter, message_filters.TimeSynchronizer


@pytest.fixture
def camera(classes):
    sets = []
    camera = CameraInput(lambda *msgs: sets.append(msgs), *classes)
    camera.sets = sets
    return camera


def message(ns, tag=""):
    if message_filters is None:
        return Message(header=header(ns), tag=tag)
    from builtin_interfaces.msg import Time

    return Message(header=Message(stamp=Time(sec=ns // 10**9, nanosec=ns % 10**9)), tag=tag)


def tags(camera):
    return [tuple(msg.tag for msg in msgs) for msgs in camera.sets]


@pytest.mark.parametrize(
    "order",
    [("color", "depth", "camera_info"), ("camera_info", "depth", "color"), ("depth", "color", "camera_info")],
)
def test_one_of_each_with_equal_stamps_makes_a_set_in_a_fixed_order(camera, order):
    for stream in order:
        camera.push(stream, message(5, stream))
    assert tags(camera) == [("color", "depth", "camera_info")]


def test_stamps_must_be_equal_to_the_nanosecond(camera):
    camera.push("color", message(5))
    camera.push("depth", message(6))
    camera.push("camera_info", message(5))
    assert camera.sets == []


def test_a_lost_message_costs_one_set_only(camera):
    for k in range(4):
        for stream in CameraInput.STREAMS:
            if (k, stream) != (1, "depth"):
                camera.push(stream, message(k, k))
    assert tags(camera) == [(0, 0, 0), (2, 2, 2), (3, 3, 3)]
    assert camera.received == {"color": 4, "depth": 3, "camera_info": 4}


def test_depth_may_lag_by_a_few_frames(camera):
    for k in range(8):
        camera.push("color", message(k, k))
        camera.push("camera_info", message(k, k))
        if k >= 3:
            camera.push("depth", message(k - 3, k - 3))
    assert tags(camera) == [(k, k, k) for k in range(5)]


def test_what_never_finds_a_partner_is_forgotten(camera):
    for k in range(50):
        camera.push("color", message(k))
        camera.push("camera_info", message(k))
    camera.push("depth", message(0))
    assert camera.sets == []
    camera.push("depth", message(49))
    assert len(camera.sets) == 1


def test_a_clock_that_goes_back_does_not_block_the_camera(camera):
    for k in range(20):  # leaves as many colour messages without partner as are ever kept
        camera.push("color", message(10**10 + k))
    for k in range(3):
        for stream in CameraInput.STREAMS:
            camera.push(stream, message(k, k))
    assert tags(camera) == [(0, 0, 0), (1, 1, 1), (2, 2, 2)]


class ForgetsSmallest(ExactPairing):
    """Forgets the smallest stamp first, as message_filters does."""

    def _add(self, message, index):
        super()._add(message, index)
        self._waiting = dict(sorted(self._waiting.items()))


def test_nor_with_a_pairing_that_forgets_the_smallest_stamp():
    camera = CameraInput(lambda *msgs: camera.sets.append(msgs), Port, ForgetsSmallest)
    camera.sets = []
    test_a_clock_that_goes_back_does_not_block_the_camera(camera)


def test_own_pairing_is_bounded_and_survives_its_callback():
    def fail(*msgs):
        raise ValueError("callback")

    ports = [Port(), Port()]
    pairing = ExactPairing(ports, QUEUE)
    for k in range(100):
        ports[0].signalMessage(message(k))
    assert len(pairing._waiting) == QUEUE
    pairing.registerCallback(fail)
    for k in (99, 98):
        with pytest.raises(ValueError, match="callback"):
            ports[1].signalMessage(message(k))


def test_a_callback_gets_the_arguments_it_was_registered_with():
    port, seen = Port(), []
    port.registerCallback(lambda *args: seen.append(args), "a", 1)
    port.signalMessage("m")
    assert seen == [("m", "a", 1)]
