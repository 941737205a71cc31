"""From observations to joint targets at 125 Hz.

in:   observations at camera rate, joint states at tick rate, a checkpoint
out:  a chunk in absolute time and one joint target per tick
rate: 125 Hz; the visual embedding is computed in a second thread when a frame arrives
"""
