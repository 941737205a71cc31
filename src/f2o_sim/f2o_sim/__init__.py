"""A simulated Franka arm with three RGB-D cameras, its tasks, their judges and their scripted experts.

in:   joint trajectories and gripper widths (the real-time PC's commands), a seed
out:  RGB-D frames, joint states, what the simulator judges: success, collision, side
rate: physics 1 kHz, joint states 125 Hz, cameras 30 Hz; headless, several times faster than real time
"""
