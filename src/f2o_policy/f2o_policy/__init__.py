"""From observations to chunks of joint targets: the learning system and its real-time runtime.

in:   demonstrations (bags or simulated episodes); at run time observations at camera rate, joint states at 125 Hz
out:  checkpoints; at run time chunks of H x 8 absolute targets (7 joints [rad] and the gripper width [m])
rate: embedding at camera rate, head at 125 Hz
"""
