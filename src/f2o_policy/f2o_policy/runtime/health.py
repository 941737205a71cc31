"""The policy's entry in /diagnostics: 'ok' is said of targets and chunks, not of observations that come."""

from __future__ import annotations

from dataclasses import dataclass

from f2o_nodekit.stamps import NS_PER_S

from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.loop import Loop
from f2o_policy.runtime.policy import Inputs, TickStatus

OK, WARN, ERROR = 0, 1, 2  # as in diagnostic_msgs
STALLED_S = 1.0  # without a tick, or without a chunk beyond the time that one takes
PASSING_S = 0.5  # without a target: no more than a warning
DAY_S = 86_400.0


@dataclass(frozen=True)
class Now:
    """The two clocks."""

    ros_ns: int
    mono_ns: int

    def since_s(self, mono_ns: int) -> float:
        """Seconds since a time of the monotonic clock."""
        return (self.mono_ns - mono_ns) / NS_PER_S


def diagnose(
    loop: Loop, inputs: Inputs, config: PolicyConfig, now: Now, unread_arm: str, unread_gripper: str
) -> tuple[int, str]:
    """Level and sentence: whether targets and chunks come, and if not why, with sizes and limits.

    Args:
        loop: the running loop.
        inputs: the newest inputs of its policy.
        config: of the policy.
        now: the time.
        unread_arm: why joint states that come cannot be read, or ''.
        unread_gripper: the same for those of the gripper.
    """
    status = loop.status
    if (since_s := now.since_s(loop.ticked_mono_ns or now.mono_ns)) > STALLED_S:
        return ERROR, f"the loop has not ticked for {since_s:.1f} s"
    if status is TickStatus.OK:
        return _chunks(loop, config, now)
    if status is TickStatus.NO_OBSERVATION and inputs.observation is None:
        return WARN, f"{status.value} on {config.topics.observation}"
    passing = loop.target_mono_ns and now.since_s(loop.target_mono_ns) < PASSING_S
    why = _why(status, loop, inputs, config, now, unread_arm, unread_gripper)
    return (WARN if passing else ERROR), why


def _chunks(loop: Loop, config: PolicyConfig, now: Now) -> tuple[int, str]:
    since_s = now.since_s(loop.chunk_mono_ns or now.mono_ns)
    limit_s = STALLED_S + 2 * config.replan_ticks / config.rate_hz + config.plan_latency_s
    if since_s > limit_s:
        return ERROR, f"no chunk for {since_s:.1f} s although observations come; {limit_s:.1f} s is the most"
    if loop.out_of_reach and (ago_s := now.since_s(loop.out_of_reach_mono_ns)) < STALLED_S:
        return WARN, (
            f"{loop.out_of_reach} poses of its chunks were out of the arm's reach, the last {ago_s:.1f} s ago: "
            "the joints before each are held"
        )
    return OK, TickStatus.OK.value


def _why(
    status: TickStatus,
    loop: Loop,
    inputs: Inputs,
    config: PolicyConfig,
    now: Now,
    unread_arm: str,
    unread_gripper: str,
) -> str:
    if status is TickStatus.NO_OBSERVATION:
        return f"observations come, none has been embedded ({loop.fault or 'the first is under way'})"
    if status is TickStatus.STALE_OBSERVATION and inputs.observation is not None:
        return _stale_observation(loop, inputs, inputs.observation, config, now)
    if status is TickStatus.NO_JOINTS:
        arm = unread_arm or unread_gripper
        return f"no joint vector: {arm}" if arm else f"{status.value} ({_missing(config)})"
    if status is TickStatus.STALE_JOINTS and inputs.joints is not None:
        late = _late("joint state", inputs.joints, config.max_joint_state_age_s, now)
        return f"{late}: {unread_arm}" if unread_arm else late
    return f"{status.value}: {loop.fault}" if status is TickStatus.FAILED else status.value


def _missing(config: PolicyConfig) -> str:
    return f"on {config.topics.joint_states} and {config.topics.gripper_states}"


def _stale_observation(
    loop: Loop, inputs: Inputs, newest: tuple[int, int], config: PolicyConfig, now: Now
) -> str:
    """The observation is late, or its embedding is."""
    limit_s = config.max_observation_age_s
    fresh = abs(now.ros_ns - newest[0]) <= limit_s * NS_PER_S
    if not fresh or inputs.embedded_ros_ns is None:
        return _late("observation", newest, limit_s, now)
    age_s = (now.ros_ns - inputs.embedded_ros_ns) / NS_PER_S
    fault = f" ({loop.fault})" if loop.fault else ""
    return f"the newest embedding is of {age_s:.2f} s ago; {limit_s:g} s is the most: embedding is too slow{fault}"


def _late(what: str, newest: tuple[int, int], limit_s: float, now: Now) -> str:
    """``newest``: stamp [ROS ns] and arrival [monotonic ns]."""
    age_s, since_s = (now.ros_ns - newest[0]) / NS_PER_S, now.since_s(newest[1])
    most = f"{limit_s:g} s is the most"
    if since_s > limit_s:
        return f"no {what} for {since_s:.1f} s; {most}"
    if age_s < 0:
        return f"{what}s come stamped {-age_s:.2f} s ahead of this PC's clock; {most}: two clocks differ"
    if age_s > DAY_S:
        return f"{what}s come {age_s / DAY_S:.1f} days old; {most}: a bag needs /clock and use_sim_time"
    return f"{what}s come {age_s:.2f} s old; {most}: a slow link, or two clocks that differ"
