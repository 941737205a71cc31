"""Ctrl-C in a shell that ignores it, as `nohup make test &` in a script and many CI runners do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

IGNORING = ("/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable)
WAITS = "print('ready', flush=True)\nimport time\ntime.sleep(30)\n"
RESTORES = "from f2o_nodekit.entry import restore_interrupt\nrestore_interrupt()\n"


@pytest.mark.parametrize(
    "program",
    [
        RESTORES + WAITS,
        RESTORES + f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WAITS!r}])",
    ],
    ids=["itself", "what it starts"],
)
def test_a_process_and_what_it_starts_are_interrupted(program):
    process = subprocess.Popen(
        [*IGNORING, "-c", program],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    subprocess.run(["/bin/kill", "-INT", "--", f"-{process.pid}"], check=True)
    _, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in err


def test_a_thread_leaves_it_as_it_is():
    program = (
        "import signal, threading\nfrom f2o_nodekit.entry import restore_interrupt\n"
        "thread = threading.Thread(target=restore_interrupt)\nthread.start()\nthread.join()\n"
        "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    )
    done = subprocess.run([*IGNORING, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_tests_that_interrupt_processes_pass_there_too():
    file = Path(__file__).with_name("test_workers.py")
    done = subprocess.run(
        [*IGNORING, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file), "-k", "parents_alone and 0.0"],
        capture_output=True, text=True, env={k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"},
    )  # fmt: skip
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
