"""Ctrl-C as a terminal sends it: to the parent and its workers at once."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from f2o_nodekit.errors import F2oError
from f2o_nodekit.workers import results, workers


class TwoPartsError(F2oError):
    def __init__(self, path, problem):
        super().__init__(f"{path}: {problem}")
        self.path = path


def fail(job):
    raise TwoPartsError(f"job {job}", "is no good")


SCRIPT = textwrap.dedent("""
    import sys, time
    from f2o_nodekit.workers import workers

    if __name__ == "__main__":
        try:
            with workers(2) as pool:
                print("started", flush=True)
                pool.map(time.sleep, [60, 60])
        except KeyboardInterrupt:
            sys.exit(130)
""")


def test_workers_work():
    with workers(2) as pool:
        assert sorted(pool.map(abs, [-2, 1, -3])) == [1, 2, 3]


@pytest.mark.parametrize("after_s", [0.0, 2.0])
def test_ctrl_c_is_the_parents_alone(tmp_path, after_s):
    """At once: while the workers still import; later: while they work."""
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "started\n"
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (130, "")


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order_and_every_process_frees_what_it_opened(tmp_path, monkeypatch, processes):
    (tmp_path / "openers.py").write_text(
        textwrap.dedent("""
        import os, pathlib
        FOLDER = pathlib.Path(__file__).parent
        def work(x):
            (FOLDER / f"open_{os.getpid()}").touch()
            return -x
        def close():
            (FOLDER / f"open_{os.getpid()}").rename(FOLDER / f"closed_{os.getpid()}")
    """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "openers", raising=False)  # of the round before: another file
    import openers

    jobs = list(range(20))
    assert list(results(openers.work, jobs, processes, openers.close)) == [-x for x in jobs]
    assert not list(tmp_path.glob("open_*"))
    assert 1 <= len(list(tmp_path.glob("closed_*"))) <= processes


def test_an_error_comes_out_of_a_worker_as_it_was():
    with pytest.raises(TwoPartsError) as caught:
        list(results(fail, [1, 2, 3], 2))
    assert (str(caught.value), caught.value.path) == ("job 1: is no good", "job 1")
