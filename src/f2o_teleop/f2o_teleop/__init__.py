"""Teleoperation and recording.

in: SpaceMouse, joint states, every topic to record / out: /f2o/joint_target, one MCAP bag per episode /
rate: 125 Hz targets, bags at the rate of their topics.
"""
