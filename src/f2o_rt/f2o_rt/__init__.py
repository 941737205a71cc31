"""The real-time PC's end of the udp path: ``f2o_rt_receiver``. Needs no ROS, only numpy, PyYAML and jaxtyping.

in:   datagrams of the bridge (adapter ``udp``), one every 8 ms
out:  a joint position every millisecond inside every limit of the arm, and datagrams back that say how it goes
"""
