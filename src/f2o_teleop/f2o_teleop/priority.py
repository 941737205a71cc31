"""Scheduling priority of a node's process."""

from __future__ import annotations

import os


def set_niceness(niceness: int) -> bool:
    """Set the niceness of every thread of this process, those of DDS included; False where that is not permitted.

    Threads that are started later inherit it. Below 0 it requires root, CAP_SYS_NICE, or a line `nice` in limits.conf.
    """
    try:
        for thread in os.listdir("/proc/self/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), niceness)
    except OSError:
        return False
    return True
