"""Each table of docs/results.md as a function of what its benchmark wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.report.markdown import MISSING, origin, percent, table
from benchmarks.report.paired import paired
from benchmarks.report.recordings import recording

Result = Mapping[str, Any]
SHARES = ("velocity", "acceleration", "jerk")


def loop(result: Result) -> str:
    """The live loop."""
    period, late, stalls = result["tick_period_ms"], result["late_ticks"], result["machine_stalls"]
    cores = {name.removesuffix("_node"): row["cpu_share"] for name, row in result["processes"].items()}
    measured = {
        "episodes won": f"{result['successes']} of {result['episodes']}, {result['collisions']} collisions",
        "ticks": f"{result['ticks']:,} at {result['tick_hz']:.2f} Hz, {result['deadline_misses']} deadlines skipped",
        "tick period": f"p50 {period['p50']:.2f}, p99 {period['p99']:.2f}, max {period['max']:.1f} ms",
        "late ticks": f"{late['count']}, {late['without_a_stall']} of them without a stall of the machine",
        "machine stalls": f"{stalls['count']}, {stalls['total_ms']:.0f} ms in all, up to {stalls['max_ms']:.0f} ms"
        if stalls["watched"]
        else MISSING,
        "commands beyond a limit": f"{sum(result['limit_violations'].values())} of {result['commands']:,}",
        "inference": f"p50 {result['inference_ms']['p50']:.1f}, p99 {result['inference_ms']['p99']:.1f} ms",
        "start to armed": f"{result['start_to_armed_s']:.2f} s",
        "cores used": ", ".join(f"{name} {share:.2f}" for name, share in cores.items()),
    }
    stages = {
        "release of a tick to its target handed over": result["release_to_target_ms"],
        "age of the images a target was made from": result["observation_age_ms"],
        "policy to bridge": result["stages_ms"]["hop"],
        "exposure to command": result["stages_ms"]["total"],
    }
    rows = [(name, *(_ms(row[key]) for key in ("p50", "p99", "p999", "max"))) for name, row in stages.items()]
    latencies = table(("latency [ms]", "p50", "p99", "p99.9", "max"), rows)
    return table(("", "measured"), measured.items()) + "\n" + latencies


def demo(result: Result) -> str:
    """Episodes through the live nodes."""
    period, release, age = (
        result[key] for key in ("tick_period_ms", "release_to_target_ms", "observation_age_ms")
    )
    won = sum(episode["success"] for episode in result["each"])
    measured = {
        "episodes won": f"{won} of {result['episodes']} ({result['left']} left, {result['right']} right), "
        f"{result['collisions']} collisions",
        "ticks": f"{result['ticks']:,} at {result['tick_hz']:.1f} Hz; period p50 {period['p50']:.2f}, "
        f"p99 {period['p99']:.1f}, max {period['max']:.1f} ms; {result['deadline_misses']} deadlines missed",
        "release of a tick to its target handed over": f"p50 {release['p50']:.1f}, p99 {release['p99']:.1f}, "
        f"p99.9 {release['p999']:.1f} ms",
        "inference": f"p50 {result['inference_ms']['p50']:.1f}, p99 {result['inference_ms']['p99']:.1f} ms",
        "observation age": f"p50 {age['p50']:.0f}, p99 {age['p99']:.0f} ms",
    }
    return table(("", "measured"), measured.items())


def fork(result: Result) -> str:
    """Chunks drawn before the post."""
    header = ("policy", "chunks that hit the post", "left : right", "scenes with both sides")
    rows = [
        (
            name,
            percent(row["into the post"], 1),
            f"{row['left']:.2f} : {row['right']:.2f}",
            percent(row["scenes_with_both_sides"]),
        )
        for name, row in result["at_the_fork"].items()
    ]
    return table(header, rows)


def modes(result: Result) -> str:
    """The methods on toys; means with the half width of a 95 % interval over the seeds."""
    columns = {
        "on a mode": "valid",
        "modes found": "modes",
        "scenes with every mode": "scenes_with_every_mode",
        "spread ratio off 1": "spread_error",
    }
    rows = [
        (toy, name, *(_interval(row[key]) for key in columns.values()))
        for toy, methods in result["toys"].items()
        for name, row in methods.items()
    ]
    return table(("toy", "row", *columns), rows)


def dither(result: Result) -> str:
    """Rules of commitment at every period, and their success over the periods."""
    rows, first = result["rows"], min(row["ticks"] for row in result["rows"])
    often = [
        (
            row["rule"],
            f"{row['mode_switches']:.1f}",
            f"{row['jump_mrad']:.1f} mrad",
            f"{row['jerk']:.0f} rad/s³",
            _of(row["success_rate"], row["episodes_run"]),
        )
        for row in rows
        if row["ticks"] == first
    ]
    header = (
        f"rule, a plan every {8 * first} ms",
        "mode switches per episode",
        "jump at a new plan",
        "jerk of the arm, RMS",
        "success",
    )
    periods = sorted({row["ticks"] for row in rows})
    won = {
        (row["rule"], row["ticks"]): _of(row["success_rate"], row["episodes_run"]).split()[0] for row in rows
    }
    episodes = max(row["episodes_run"] for row in rows)
    over = [
        (rule, *(won.get((rule, ticks), "-") for ticks in periods))
        for rule in dict.fromkeys(row["rule"] for row in rows)
    ]
    return (
        table(header, often)
        + "\n"
        + table((f"success of {episodes}, a plan every ... ticks", *periods), over)
    )


def heads(result: Result) -> str:
    """Heads of the fast backend in float32: p50 / p99 [ms], bold where 125 Hz are held."""
    rows = [row for row in result["heads"]["rows"] if row["backend"] != "torch" and "refused" not in row]
    plain = [row for row in rows if row["precision"] == "f32"] or rows
    counts = sorted({row["hypotheses"] for row in plain})
    lines = []
    for name in dict.fromkeys(row["head"] for row in plain):
        line = {row["hypotheses"]: row for row in plain if row["head"] == name}
        cells = [_head(line[m]) if m in line else "-" for m in counts]
        times = [row["times_the_roofline"] for row in line.values() if "times_the_roofline" in row]
        against = f"{min(times):.1f} to {max(times):.1f}" if times else "-"
        lines.append((name, f"{next(iter(line.values()))['million_weights']:.1f} M", *cells, against))
    header = ("head", "weights", *(f"M = {m}" for m in counts), "p50 against the roofline")
    return table(header, lines)


def _head(row: Result) -> str:
    text = f"{row['p50_ms']:.2f} / {row['p99_ms']:.2f}"
    return f"**{text}**" if row["holds_125_hz"] else text


def ratios(result: Result) -> str:
    """One plan of the teacher and of the student."""
    header = (
        "backend",
        "embedding",
        "teacher's head, 50 steps",
        "student's head",
        "end to end",
        "head only",
    )
    rows = [
        (
            backend,
            *(f"{row[key]:.2f} ms" for key in ("embed_ms", "teacher_ms", "student_ms")),
            row["ratio_end_to_end"],
            row["ratio_head_only"],
        )
        for backend, row in result["teacher_50_against_student"].items()
    ]
    return table(header, rows)


def learning(result: Result) -> str:
    """Throughput of training, sampling and distillation, and a distillation step's memory."""
    learned = result["learning"]
    speed = [
        (
            name,
            f"{row.get('samples_per_s', row.get('trajectories_per_s')):.0f} "
            f"{'samples' if 'samples_per_s' in row else 'trajectories'}/s"
            + (
                f"; the set distance takes {percent(row['chamfer_share'], 1)}"
                if "chamfer_share" in row
                else ""
            ),
            percent(row["share_of_matrix_throughput"]),
        )
        for name, row in ((name, learned[name]) for name in ("train", "sample", "distill"))
    ]
    memory = [
        (
            row["hypotheses"],
            row["rows_at_once"] or "all",
            f"{row['peak_mb']:.1f} MB",
            f"{row['seconds']:.3f} s",
        )
        for row in learned["distill_memory"]
    ]
    return (
        table(("", "throughput", f"of a matrix product ({learned['matrix_gflops']:.0f} GFLOP/s)"), speed)
        + "\n"
        + table(("hypotheses", "rows at once", "a distillation step allocates", "takes"), memory)
    )


def tables(result: Result) -> str:
    """The ablations."""
    header = (
        "table",
        "row",
        "success [95 %]",
        "p against the first",
        "left : right",
        "collisions",
        "chunks into the post at the fork",
        "both sides at the fork",
    )
    rows = [
        (
            name,
            row["name"],
            f"{row['success']:.2f} [{row['interval'][0]:.2f}, {row['interval'][1]:.2f}]",
            f"{row['p_against_first']:.2g}",
            " : ".join(map(str, row["left_right"])),
            row["collisions"],
            percent(row["into_the_post"], 1),
            percent(row["both_sides"]),
        )
        for name, entries in result["tables"].items()
        for row in entries
    ]
    budgets = {"": result["budget"]} | {
        f" of table {key.removeprefix('budget_of_')}": budget
        for key, budget in result.items()
        if key.startswith("budget_of_")
    }
    lines = (f"Budget{which}: {_budget(budget)}.\n" for which, budget in budgets.items())
    return table(header, rows) + "\n" + "".join(lines)


def _budget(budget: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in budget.items())


def faults(result: Result) -> str:
    """Every fault."""
    header = (
        "fault",
        "injected by",
        "ends in",
        "after",
        "braking from",
        "at rest",
        "commands",
        "beyond a limit",
        "largest share",
    )
    return table(header, map(fault_cells, result["rows"]))


def delays(result: Result) -> str:
    """The bridge itself late, missing or stopped: the worst of all delays, for each adapter and arm."""
    header = (
        "adapter",
        "robot",
        "delays",
        "largest share",
        "torque, held",
        "torque, following",
        "problems",
        "ends",
    )
    each: dict[tuple[str, str], list[Result]] = {}
    for row in result["rows"]:
        each.setdefault((row["adapter"], row["robot"]), []).append(row)
    return table(header, ((*name, *_worst(rows)) for name, rows in each.items()))


def _worst(rows: Sequence[Result]) -> tuple[str, ...]:
    worst = {
        key: max((row[key] for row in rows if row.get(key) is not None), default=None)
        for key in ("share", "torque_held", "torque_followed")
    }
    stays = [row["delay"] for row in rows if row["ends_in"] != "policy"]
    ends = f"policy; at rest after: {', '.join(stays)}" if stays else "policy"
    problems = str(sum(len(row["problems"]) for row in rows))
    return (str(len(rows)), *map(_share, worst.values()), problems, ends)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


def delay_cells(row: Result) -> tuple[str, ...]:
    """One delay's line."""
    shares = (_share(row.get(key)) for key in ("share", "torque_held", "torque_followed"))
    return (row["delay"], row["adapter"], row["robot"], row["ends_in"], *shares, str(len(row["problems"])))


def fault_cells(row: Result) -> tuple[object, ...]:
    """One fault's line."""
    times = (row[key] for key in ("until_mode_s", "until_braking_s", "until_rest_s"))
    cells = ("-" if time_s is None else f"{time_s:.2f}" for time_s in times)
    told = max(row["receiver"].values()) if row.get("receiver") else row.get("share")
    return (
        row["fault"],
        row["how"],
        row["ends_in"],
        *cells,
        row["commands"],
        len(row["violations"]),
        _share(told),
    )


def soak(result: Result) -> str:
    """A long time."""
    parts = {"live": result["live"], "simulated clock": result["simulated"]}
    injected = {
        name: part["faults"] if name == "live" else sum(part["faults"].values())
        for name, part in parts.items()
    }
    rows = {
        "ticks": [f"{part['ticks']:,.0f}" for part in parts.values()],
        "ticks missed": [f"{parts['live']['missed_ticks']:.0f}", "-"],
        "faults injected": list(injected.values()),
        "commands beyond a limit": [part["violations"] for part in parts.values()],
        "milliseconds of set-points judged": [f"{parts['live'].get('milliseconds', 0):,}", "-"],
        "largest share of a limit in them": [_share(parts["live"].get("share")), "-"],
        "statuses not explained by their fault": [len(part["unexplained"]) for part in parts.values()],
        "growth of memory": [percent(part["growth"], 1) for part in parts.values()],
    }
    return table(("", *parts), ((name, *cells) for name, cells in rows.items()))


def udp(result: Result) -> str:
    """Receiver and bridge's end over a bad cable."""
    header = (
        "cable",
        "set-point age p50, p99, max [ms]",
        "off the bridge's path [mrad]",
        "share of a limit",
        "braking begun, at rest [ms]",
        "missed cycles",
    )
    rows = []
    for name, row in result["cases"].items():
        age, brake = row["age_ms"], row["braking_ms"]
        rows.append(
            (
                name,
                ", ".join(f"{age[key]:.1f}" for key in ("p50", "p99", "max")),
                "-" if name == "cut" else f"{row['error_mrad']:.2f}",
                f"{max(row['share_of_limit'][key] for key in SHARES):.2f}",
                f"{brake['until_begun']:.0f}, {brake['until_rest']:.0f}" if brake else "-",
                f"{row['missed']} of {row['cycles']}",
            )
        )
    return table(header, rows)


def _ms(value: float) -> str:
    return f"{value:.3g}"


def _of(rate: float, episodes: int) -> str:
    return f"{round(rate * episodes)} of {episodes}"


def _interval(value: Mapping[str, float]) -> str:
    return (
        f"{value['mean']:.3f} ± {value['half_width']:.3f}" if value["half_width"] else f"{value['mean']:.3f}"
    )


TABLES: dict[str, tuple[str, Callable[[Result], str]]] = {
    "loop": ("loop", loop),
    "demo": ("demo_report", demo),
    "fork": ("demo_report", fork),
    "modes": ("modes", modes),
    "evaluation": ("evaluation", paired),
    "moving": ("moving", paired),
    "dither": ("dither", dither),
    "heads": ("bench", heads),
    "ratios": ("bench", ratios),
    "learning": ("bench", learning),
    "tables": ("tables", tables),
    "recording": ("recording", recording),
    "faults": ("faults", faults),
    "delays": ("delays", delays),
    "soak": ("soak", soak),
    "udp": ("udp", udp),
}
"""Of each table: the name of its JSON file in benchmarks/results, and what makes it."""


def render(name: str, result: Result) -> str:
    """The block of table ``name``: where the numbers come from, and the numbers."""
    made = "" if "runs" in result else origin(result.get("made", {})) + "\n"
    return made + TABLES[name][1](result)
