import os
import subprocess
import sys

CODE = """
import os, threading
from f2o_teleop.priority import set_niceness
end = threading.Event()
thread = threading.Thread(target=end.wait)
thread.start()
granted = set_niceness({})
print(granted, *{{os.getpriority(os.PRIO_PROCESS, int(t)) for t in os.listdir("/proc/self/task")}})
end.set()
"""


def told(niceness):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(niceness)], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_every_thread_gets_it_and_a_refusal_is_no_error():
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert told(mine + 3) == ["True", str(mine + 3)]
    assert told(-10) in (["True", "-10"], ["False", str(mine)])
