"""Headless rollouts: the policy's runtime and the bridge themselves, in simulated time, over paired seeds."""
