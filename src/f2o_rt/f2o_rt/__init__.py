"""The real-time PC's end of the UDP path: ``f2o_rt_receiver``, which needs no ROS.

in:   datagrams of the bridge (adapter ``udp``), one every 8 ms
out:  a joint position every millisecond inside every limit of the arm; status datagrams to the bridge
"""
