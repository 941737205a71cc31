"""``f2o eval``: its options, and one sentence for each mistake."""

import json

import pytest
from f2o_policy.runtime.config import PolicyConfig
from f2o_sim.errors import SimError
from f2o_sim.rollout import command
from f2o_sim.rollout import evaluate as evaluating
from f2o_sim.rollout.episode import Episode, PolicyUnderTest
from test_rollout import STUDENT

from f2o_bringup import cli

TEACHER = STUDENT.with_name("teacher.pt")


def f2o(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


@pytest.fixture
def played(monkeypatch):
    """What is played instead of episodes."""
    jobs = []

    def run(job):
        jobs.append(job)
        return job[1].name, Episode(job[2], True, False, "left", 5.0, 0, "", 1.0, 0.0)

    monkeypatch.setattr(evaluating, "_run", run)
    return jobs


@pytest.mark.parametrize("given", ["soon", "0.1,-2", "nan", ""])
def test_a_latency_is_measured_or_seconds(given, capsys):
    code, _, err = f2o(capsys, "eval", "--policy", "x", "--latency", given)
    assert code == 2
    assert f"expected none, measured or seconds such as 0.005,0.7, got {given}" in err


def test_a_student_and_a_teacher_are_played_as_asked_and_the_report_is_written(played, capsys, tmp_path):
    out = tmp_path / "new" / "report.json"
    words = ("--policy", STUDENT, "--policy", TEACHER, "--episodes", 2, "--seed", 40, "--steps", 30)
    code, text, err = f2o(capsys, "eval", *words, "--camera-hz", 15, "--adapter", "udp", "--out", out)
    assert (code, text.count("1.00")) == (0, 2 + 2), err
    configs = {job[1].config.checkpoint: job[1].config for job in played}
    student, teacher = configs[str(STUDENT)], configs[str(TEACHER)]
    assert (student.steps, student.replan_ticks, student.plan_latency_s) == (0, 4, 0.0)
    assert (teacher.steps, teacher.replan_ticks, teacher.hypotheses) == (30, 25, 2)
    report = json.loads(out.read_text())
    assert (report["seeds"], report["adapter"]) == ([40, 41], "udp")
    assert report["made"]["command"]
    assert out.with_suffix(".jsonl").exists()
    assert {job[0] for job in played} == {("reach_around", 15.0, "udp")}


def test_each_policy_has_its_latency(tmp_path, capsys):
    pair = [
        PolicyUnderTest("a", PolicyConfig(checkpoint="a", replan_ticks=4)),
        PolicyUnderTest("b", PolicyConfig(checkpoint="b", steps=50, replan_ticks=25)),
    ]
    late = command.late(pair, (0.005, 0.7), None)
    got = [(p.name, p.config.steps, p.config.plan_latency_s, p.config.replan_ticks) for p in late]
    assert got == [("a", 0, 0.005, 1), ("b", 50, 0.7, 1)]
    assert "b: 700.0 ms from observation to plan" in capsys.readouterr().out
    with pytest.raises(SimError, match="--latency: expected 2 numbers, one per policy, got 1"):
        command.late(pair, (0.005,), None)


def test_a_stopped_evaluation_goes_on_with_the_latencies_it_began_with(tmp_path, monkeypatch):
    times = iter([0.01, 0.02])
    monkeypatch.setattr(evaluating, "plan_latency", lambda config: next(times))
    policies = [PolicyUnderTest("a", PolicyConfig(checkpoint="a"))]
    out = tmp_path / "deep" / "report.json"
    assert command.measured(policies, out) == (0.01,)
    assert command.measured(policies, out) == (0.01,)
    assert command.measured(policies, None) == (0.02,)


def test_an_unknown_task_is_one_sentence(capsys):
    code, out, err = f2o(capsys, "eval", "--policy", STUDENT, "--task", "juggle", "--episodes", 1)
    assert (code, out) == (2, "")
    assert "task: unknown task 'juggle', expected one of reach_around, reach_moving" in err
