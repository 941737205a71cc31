"""Who waits for the processor when there are too few."""

from __future__ import annotations

import os


def set_niceness(niceness: int) -> bool:
    """Give every thread of this process, those of DDS included, this niceness; False where that is not granted.

    Threads that are started later inherit it. Below 0 it takes root, CAP_SYS_NICE, or a line `nice` in limits.conf.
    """
    try:
        for thread in os.listdir("/proc/self/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), niceness)
    except OSError:
        return False
    return True
