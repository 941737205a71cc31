"""The bridge, the only process that moves the arm; robots, limits, adapters, and the UDP protocol of f2o_rt.

in:   joint targets of one source (policy, teleoperation or replay), joint states
out:  joint commands inside every limit of the arm, or a braking arm and the reason
rate: 125 Hz, absolute deadlines
"""
