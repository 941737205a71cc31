"""Figures about recording, measured on the machine at hand: ``python -m f2o_teleop.bench``."""
