"""What recording takes and loses, as measured by ``python -m benchmarks.recording``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report.markdown import table

Row = Mapping[str, Any]


def recording(result: Row) -> str:
    """One line per measurement that the result holds, and what was learned from the session's bags."""
    lines = {"session": _session, "load": _load, "latency": _latency}
    lines |= dict.fromkeys(("crash", "crash_busy", "crash_again"), _crash)
    rows = [write(result[name]) for name, write in lines.items() if name in result]
    rows += [_beside(row) for row in result.get("beside", [])]
    rows += [_convert(result["convert"])] if "convert" in result else []
    rows += [_round_trip(result["round_trip"])] if "round_trip" in result else []
    text = table(("what", "measured"), rows)
    return text + (f"\n{_learned(result['learn'])}" if "learn" in result else "")


def _session(row: Row) -> tuple[str, str]:
    what = f"{row['episodes']} episodes in a row from HID reports through teleop, bridge, simulator: 3 RGB-D views of "
    measured = (
        f"{row['readable_alike']} read alike by rosbags, by mcap and by their metadata; {row['drops']} dropped, "
        f"{row['lost']} lost of {row['messages']:,} messages; {row['refused_starts']} starts refused; recorder "
        f"{row['cpu_percent']:.0f} % of a core, {row['rss_mb_most']:.0f} MB; `f2o bag check` calls {row['good']} good"
    )
    return f"{what}{row['size']} at {row['camera_hz']:g} Hz", measured


def _load(row: Row) -> tuple[str, str]:
    measured = (
        f"{row['drops']} dropped, {row['lost']} lost; {row['cpu_percent']:.0f} % of a core, "
        f"{row['rss_mb_most']:.0f} MB; reception p99.9 {row['receive_ms']['p99.9']:.1f} ms after the stamp"
    )
    return (
        f"recorder alone, 3 views of {row['size']} at {row['camera_hz']:.0f} Hz, {row['mb_s']:.0f} MB/s",
        measured,
    )


def _crash(row: Row) -> tuple[str, str]:
    def lost(name: str) -> str:
        return "p50 {p50:.1f}, p90 {p90:.1f}, worst {p100:.1f} ms".format(**row[name])

    measured = (
        f"{row['readable']} files open, {row['recovered']} recover; {row['missing_before_the_cut']} messages missing "
        f"before the cut; lost of what was sent {lost('lost_ms')}, of what had been received {lost('lost_received_ms')}"
    )
    return f"SIGKILL at {row['kills']} random moments; {row['load']}{_of(row)}", measured


def _latency(row: Row) -> tuple[str, str]:
    spread = row["latency_ms"]
    what = f"device report to target on the topic, loop at {row['loop_hz']:.0f} Hz, {row['reports']} reports"
    return what, f"p50 {spread['p50']:.1f}, p99 {spread['p99']:.1f} ms"


def _beside(row: Row) -> tuple[str, str]:
    without, beside = (row[name]["handed_over_ms"]["p99.9"] for name in ("without", "with"))
    what = (
        f"recorder beside a running policy, {row['size']} at {row['camera_hz']:g} Hz, niceness {row['niceness']}, "
        f"{row['with']['ticks']} ticks{_of(row)}"
    )
    return (
        what,
        f"p99.9 from a tick's release to its target {without:.2f} ms without, {beside:.2f} ms with it",
    )


def _of(row: Row) -> str:
    return f"; {row['machine']}" if "machine" in row else ""


def _convert(row: Row) -> tuple[str, str]:
    stored, messages = row["mb_stored_an_episode"], row["mb_of_messages_an_episode"]
    what = f"`f2o convert` of episodes of {stored:.0f} MB stored, {messages:.0f} MB of messages"
    rates = ", ".join(map(_conversion, row["runs"]))
    alone = (
        f"decoding alone {row['decoder_episodes_a_minute']:.0f}, reading {row['disk_episodes_a_minute']:.0f}"
    )
    return what, f"episodes/min: {rates}; {alone}"


def _round_trip(row: Row) -> tuple[str, str]:
    what = f"{row['bags']} recorded bags through check, convert, to-lerobot and from-lerobot{_of(row)}"
    same = "; ".join(row["differences"]) or "every array, label and command as it was"
    seconds = ", ".join(f"{name} {s:.0f} s" for name, s in row["wall_s"].items())
    return what, (
        f"`f2o bag check` calls {row['good']} good, {row['episodes']} converted, {row['episodes_back']} came back, "
        f"{row['observations']:,} observations: {same}; {seconds}"
    )


def _conversion(run: Row) -> str:
    processes = f"{run['processes']} process{'es' if run['processes'] > 1 else ''}"
    return (
        f"{run['episodes_a_minute']:.0f} ({processes}, {run['episodes']} episodes, {run['peak_mb']:.0f} MB)"
    )


def _learned(row: Row) -> str:
    header = (
        f"{row['steps']} steps on {row['episodes']} episodes",
        "loss, first to last fifth",
        "joints, mean of all chunks",
        "nearest",
        "gripper",
    )
    rows = []
    for name in ("teacher", "student"):
        losses = f"{row[name]['loss_begin']:.3f} to {row[name]['loss_end']:.3f}"
        rows.append((name, losses, *_errors(row[name]["held_out"]["policy"])))
    held_out = row["student"]["held_out"]
    rows.append(("the student's network, untrained", "", *_errors(held_out["untrained"])))
    rows.append(("an arm that stays where it is", "", *_errors(held_out["standing still"])))
    return table(header, rows)


def _errors(row: Row) -> tuple[str, str, str]:
    return (
        f"{1e3 * row['mean_rad']:.1f} mrad",
        f"{1e3 * row['nearest_rad']:.1f} mrad",
        f"{1e3 * row['gripper_m']:.1f} mm",
    )
