"""The last process before the arm, and the description of which processes there are.

in:   joint targets from one source (policy or teleoperation), joint states
out:  joint commands inside every limit of the arm, or a braking arm and the reason
rate: 125 Hz, absolute deadlines
"""
