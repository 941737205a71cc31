"""The paper's ablations on ``reach_around``: trajectories a set, horizon, mask, modalities."""
