import pytest
from f2o_nodekit.pace import Tick
from f2o_policy.runtime.policy import TickResult, TickStatus
from f2o_policy.runtime.trace import Trace, summarise

MS = 1_000_000


def fill(trace, ticks, armed=True, late_ns=0, skipped=0, done_ns=3 * MS, start=0):
    result = TickResult(TickStatus.OK, observation_age_s=0.05, inference_s=0.002)
    for i in range(start, start + ticks):
        trace.tick(Tick(i, i * 8 * MS, late_ns, skipped), result, done_ns, 0, armed, 0)


def columns(trace):
    return trace.recent(trace.count)


def test_only_ticks_in_charge_count_and_pauses_are_no_periods():
    trace = Trace()
    fill(trace, 100)
    fill(trace, 500, armed=False, start=100)
    fill(trace, 100, start=600)
    report = summarise(columns(trace))
    assert report["ticks"] == 200
    assert report["tick_hz"] == pytest.approx(125.0)
    assert report["tick_period_ms"]["max"] == pytest.approx(8.0)
    assert report["deadline_misses"] == 0
    assert report["inference_ms"]["p50"] == pytest.approx(2.0)
    assert report["observation_age_ms"]["p99"] == pytest.approx(50.0)


def test_a_skipped_tick_and_a_late_target_are_both_misses():
    trace = Trace()
    fill(trace, 50)
    fill(trace, 1, skipped=2, start=52)
    fill(trace, 1, done_ns=9 * MS, start=53)
    fill(trace, 46, start=54)
    report = summarise(columns(trace))
    assert report["deadline_misses"] == 3
    assert report["tick_hz"] < 125.0


def test_an_empty_trace_summarises_to_nothing():
    report = summarise(columns(Trace()))
    assert report["ticks"] == 0
    assert report["tick_hz"] == 0.0
