"""Several RGB-D cameras and the joint states become one synchronised Observation.

in:   V cameras of colour + aligned depth + camera_info at 30 Hz, joint states at 125 Hz or more, gripper width at 15 Hz
out:  Observation: V images of S x S, a cloud of exactly N points in the base frame, the robot's state at one stamp
rate: that of the reference camera (the first view)
"""
