"""Data sets of ours as LeRobotDatasets and back."""
