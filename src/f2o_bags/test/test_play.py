import episodes as e
import pytest
from f2o_bags.definitions import MessageDefinition, described
from f2o_bags.errors import BagError
from f2o_bags.play import REMEMBERED, Player, PlayOptions, TimeMap, select_topics
from f2o_bags.read import open_complete
from f2o_bags.stamps import has_header, stamp_of, with_stamp
from f2o_bags.writer import BagMessage, BagTopic, BagWriter

S = e.S


class World:
    """An output and a clock in one; sleeping takes no time but moves the clock."""

    def __init__(self, end_after=None):
        self.mono = 5 * S
        self.out, self.clocks, self.sleeps, self.end_after = [], [], 0, end_after

    def publish(self, topic, data):
        self.out.append((topic, data, self.mono))
        self.mono += 1000  # publishing takes its time

    def publish_clock(self, ros_ns):
        self.clocks.append(ros_ns)

    def now_ros_ns(self):
        return 2_000_000_000 * S

    def sleep(self, seconds):
        self.mono += round(seconds * S)
        self.sleeps += 1
        return self.end_after is not None and self.sleeps >= self.end_after


@pytest.fixture
def bag(tmp_path):
    return open_complete(e.write(tmp_path))


def play(bag, world=None, **options):
    world = world or World()
    played = Player(bag, PlayOptions(**options), world, world.sleep, lambda: world.mono).play(progress=False)
    return world, played


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_messages_come_when_they_came_scaled(bag, speed):
    world, played = play(bag, speed=speed)
    sent = [m for m in e.messages() if m[0] != e.COMMAND]
    assert [(t, d) for t, d, _ in world.out] == [(t, d) for t, d, _ in sent]
    due = [5 * S + round((log - e.T0) / speed) for _, _, log in sent]
    assert max(abs(at - d) for (_, _, at), d in zip(world.out, due, strict=True)) <= 4000
    assert played.messages == len(sent)
    assert played.bag_s == pytest.approx(3.99, abs=0.01)
    assert played.wall_s == pytest.approx(played.bag_s / speed, abs=0.001)
    assert played.late_ms["max"] < 0.01


def test_as_fast_as_possible_never_waits(bag):
    world, played = play(bag, speed=0.0)
    assert world.mono - 5 * S == 1000 * len(world.out)
    assert played.late_ms == {}


def test_stamps_are_moved_to_now_and_nothing_else_is_changed(bag):
    world, _ = play(bag, restamp=True, speed=2.0)
    now, first = 2_000_000_000 * S, e.T0
    recorded = [m for m in e.messages() if m[0] != e.COMMAND]
    for (topic, data, _), (_, original, _) in zip(world.out, recorded, strict=True):
        if topic == e.MODE:
            assert data == original  # a String has no header
            continue
        assert stamp_of(data) == now + round((stamp_of(original) - first) / 2)
        assert data[:4] + data[12:] == original[:4] + original[12:]


def test_as_fast_as_possible_stamps_keep_their_order_and_are_as_fresh_as_they_can_be(bag):
    world, _ = play(bag, restamp=True, speed=0.0)
    now, stamps = 2_000_000_000 * S, {}
    for topic, data, _ in world.out:
        if topic != e.MODE:
            stamps.setdefault(topic, []).append(stamp_of(data))
    for topic, moved in stamps.items():
        assert moved == sorted(moved), topic
    late = 8_000_000  # the world's clock stands still, so only what lies before the first message is not now
    assert all(now - late - 1 <= stamp <= now for moved in stamps.values() for stamp in moved)


def test_a_time_map_puts_a_stamp_where_the_bag_was_then():
    time_map = TimeMap()
    for bag_ns, ros_ns in ((1000, 50), (1100, 60), (1100, 61), (1300, 161)):
        time_map.add(bag_ns, ros_ns)
    assert [time_map.at(t) for t in (900, 1000, 1050, 1100, 1200, 1300, 9999)] == [
        -50,
        50,
        55,
        61,
        111,
        161,
        161,
    ]
    for k in range(3 * REMEMBERED):
        time_map.add(2000 + k, 1000 + k)
    assert time_map.at(2000 + 3 * REMEMBERED - 5) == 1000 + 3 * REMEMBERED - 5


def test_the_clock_follows_the_bag(bag):
    world, _ = play(bag, clock_hz=10.0)
    assert len(world.clocks) == pytest.approx(40, abs=2)
    assert world.clocks == sorted(world.clocks)
    assert world.clocks[0] == e.T0


def test_it_ends_when_told_and_otherwise_loops(bag):
    world, played = play(bag, World(end_after=100))
    assert (len(world.out), played.messages) == (99, 99)
    world, played = play(bag, World(end_after=4000), loop=True)
    assert played.messages == len(world.out) == 3999
    assert [t for t, _, _ in world.out].count(e.MODE) > 2


def test_after_an_offset_what_was_latched_before_it_comes_first(bag):
    world, played = play(bag, start_offset_s=1.5)
    begin = e.T0 + round(1.5 * S)
    sent = [m for m in e.messages() if m[0] != e.COMMAND and m[2] >= begin]
    assert [(t, d) for t, d, _ in world.out] == [(e.MODE, e.text("teleop"))] + [(t, d) for t, d, _ in sent]
    assert world.out[0][2] - 5 * S < 10_000_000  # at once
    assert played.bag_s == pytest.approx(3.99 - 1.5, abs=0.02)
    with pytest.raises(BagError, match=r"no message on .*/franka/joint_states.* after 9 s$"):
        play(bag, start_offset_s=9.0)


TRAJECTORY, NUMBERS = "trajectory_msgs/msg/JointTrajectory", "std_msgs/msg/Float64MultiArray"


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("/target_joint", e.JOINTS),
        ("/joint_impedance/joints_desired", e.JOINTS),
        ("/my_arm/trajectory", TRAJECTORY),
        ("/my_hand/commands", NUMBERS),
    ],
)
def test_what_any_adapter_sends_is_a_command(tmp_path, topic, kind):
    writer = BagWriter(tmp_path, "a", e.topics() | {topic: BagTopic(described(e.STORE, kind))}, {})
    bag = open_complete(writer.close({}).folder)
    assert select_topics(bag, PlayOptions()) == [t for t in e.topics() if t != e.COMMAND]
    assert select_topics(bag, PlayOptions(topics=(topic,))) == [topic]


def test_commands_are_not_played_unless_named(tmp_path):
    kinds = e.topics()
    topics = kinds | {"/f2o/joint_target": kinds[e.ARM]}
    writer = BagWriter(tmp_path, "a", topics, {})
    writer.write(BagMessage("/f2o/joint_target", e.joints(1, e.ARM_NAMES, [0.0] * 7), 1, 1))
    bag = open_complete(writer.close({}).folder)
    assert "/f2o/joint_target" not in select_topics(bag, PlayOptions())
    assert select_topics(bag, PlayOptions(topics=("/f2o/joint_target",))) == ["/f2o/joint_target"]
    with pytest.raises(BagError, match=r"a.partial: no message on /franka/joint_states"):
        play(bag, topics=(e.ARM,))


def test_topics_that_are_not_there_are_named(bag):
    with pytest.raises(BagError, match=r"no topic /nope; it has /f2o/joint_command, /f2o/mode, "):
        select_topics(bag, PlayOptions(exclude=("/nope",)))
    with pytest.raises(BagError, match="no topic is left to play"):
        select_topics(bag, PlayOptions(topics=(e.ARM,), exclude=(e.ARM,)))


def test_stamps_in_bytes():
    data = e.joints(12 * S + 7, ["a"], [1.0])
    assert stamp_of(data) == 12 * S + 7
    assert e.STORE.deserialize_cdr(with_stamp(data, 3 * S + 1), e.JOINTS).header.stamp.nanosec == 1
    assert stamp_of(data[:10]) is None
    big = b"\x00\x00\x00\x00" + (5).to_bytes(4, "big") + (6).to_bytes(4, "big") + b"rest"
    assert stamp_of(big) == 5 * S + 6
    assert stamp_of(with_stamp(big, 9 * S)) == 9 * S
    assert has_header(described(e.STORE, e.IMAGE)) and not has_header(described(e.STORE, e.STRING))
    assert has_header(MessageDefinition("a/msg/B", "# c\nuint8 K=1\nstd_msgs/Header header\n", ""))
