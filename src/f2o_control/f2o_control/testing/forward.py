"""The tool's place by the Denavit-Hartenberg table of the vendor's documentation. Shares no code with f2o_control."""

from math import cos, pi, sin

import numpy as np

# frankaemika/docs, control_parameters.rst (the same table for FER and FR3), Craig's convention
A = (0.0, 0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088)
D = (0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.0)
ALPHA = (0.0, -pi / 2, pi / 2, pi / 2, -pi / 2, pi / 2, pi / 2)
FLANGE, TCP = 0.107, 0.1034  # the hand is turned by -45 degrees about z, which does not move the tool


def tool(q):
    """The tool centre point [m] in the base frame at joints ``q`` [rad]."""
    pose = joints(q)[-1]
    return pose[:3, 3] + pose[:3, 2] * (FLANGE + TCP)


def hand(q):
    """Pose (4, 4) of the hand in the base frame; z goes to the fingertips."""
    c, s = cos(-pi / 4), sin(-pi / 4)
    return joints(q)[-1] @ np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, FLANGE], [0, 0, 0, 1]])


def joints(q):
    """Poses (4, 4) of the joints' frames in the base frame."""
    pose, found = np.eye(4), []
    for a, d, alpha, theta in zip(A, D, ALPHA, q, strict=True):
        c, s, ca, sa = cos(theta), sin(theta), cos(alpha), sin(alpha)
        pose = pose @ np.array(
            [[c, -s, 0, a], [s * ca, c * ca, -sa, -d * sa], [s * sa, c * sa, ca, d * ca], [0, 0, 0, 1]]
        )
        found.append(pose)
    return found
