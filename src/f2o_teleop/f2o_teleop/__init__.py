"""Teleoperation and recording.

in: SpaceMouse, joint states, every topic worth keeping / out: /f2o/joint_target, one MCAP bag an episode /
rate: 125 Hz targets, bags at the rate of their topics.
"""
