"""What a late subscriber would get: the last message of a topic, and of transforms the last of each frame."""

import episodes as e
from f2o_bags.latched import TRANSFORMS, Latched

TF = "/tf_static"


def transforms(*frames, stamp=0):
    point, turn = e.TYPES["geometry_msgs/msg/Vector3"], e.TYPES["geometry_msgs/msg/Quaternion"]
    pose = e.TYPES["geometry_msgs/msg/Transform"](point(0.0, 0.0, 0.0), turn(0.0, 0.0, 0.0, 1.0))
    placed = e.TYPES["geometry_msgs/msg/TransformStamped"]
    sent = [placed(e.header(stamp, "base"), frame, pose) for frame in frames]
    return e.serialise(e.TYPES[TRANSFORMS](sent), TRANSFORMS)


def kept(*messages):
    latched = Latched()
    for topic, kind, data in messages:
        latched.keep(topic, kind, data)
    return [(m.topic, m.data, m.log_ros_ns) for m in latched.messages(7)]


def test_of_a_topic_the_last_message_is_kept():
    said = [(e.MODE, e.STRING, e.text(word)) for word in ("hold", "policy")] + [("/b", e.STRING, e.text("x"))]
    assert kept(*said) == [(e.MODE, e.text("policy"), 7), ("/b", e.text("x"), 7)]


def test_of_transforms_what_each_publisher_said_last_is_kept():
    arm, camera = transforms("link1", "link2"), transforms("camera")
    assert kept((TF, TRANSFORMS, arm), (TF, TRANSFORMS, camera)) == [(TF, arm, 7), (TF, camera, 7)]
    again = transforms("camera", stamp=5)  # the same camera, started again
    assert kept(*((TF, TRANSFORMS, data) for data in (camera, arm, again))) == [(TF, arm, 7), (TF, again, 7)]
    more = transforms("link1", "link2", "hand")
    assert kept((TF, TRANSFORMS, arm), (TF, TRANSFORMS, more)) == [(TF, more, 7)]


def test_bytes_that_are_no_transforms_end_nothing():
    arm = transforms("link1")
    assert kept((TF, TRANSFORMS, b"\0\1\0\0\7"), (TF, TRANSFORMS, arm)) == [(TF, arm, 7)]
