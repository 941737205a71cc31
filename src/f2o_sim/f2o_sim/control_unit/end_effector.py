"""What the control unit knows of the arm's end: a Franka Hand by its data sheet, as Desk gives it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

Pose = Float64[np.ndarray, "4 4"]
HAND_MASS = 0.73  # kg
HAND_CENTER = np.array([-0.01, 0.0, 0.03])  # m, in the flange's frame
HAND_INERTIA = np.diag([0.001, 0.0025, 0.0017])  # kg m2
HAND_TIP = np.array(  # the nominal end effector in the flange's frame: turned by -45 degrees, 0.1034 m ahead
    [[0.5**0.5, 0.5**0.5, 0, 0], [-(0.5**0.5), 0.5**0.5, 0, 0], [0, 0, 1, 0.1034], [0, 0, 0, 1]]
)
