"""From recorded bags to a policy by the commands that a person types, and whether it learned anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from f2o_teleop.errors import TeleopError

OBSERVATIONS = 400  # of which teacher sets are sampled


def run(bags: Path, out: Path, steps: int) -> dict[str, Any]:
    """``f2o convert``, ``data-report``, ``train``, ``sample`` and ``distill`` below ``out``, ``steps`` each of teacher
    and student, and the errors of both in the episodes that were held out.

    A run that was stopped goes on where it was.

    Raises:
        TeleopError: a command failed; the text is what it said.
    """
    data, teacher, sets, student = (out / name for name in ("data", "teacher", "sets", "student"))
    out.mkdir(parents=True, exist_ok=True)
    seconds = {}
    for name, words in _commands(bags, data, teacher, sets, student, out / "report", steps):
        begin = time.monotonic()
        _f2o(name, words)
        seconds[name] = round(time.monotonic() - begin, 1)
    manifest = json.loads((data / "manifest.json").read_text())
    return {
        "episodes": len(manifest["episodes"]),
        "observations": manifest["episodes"][-1]["observations"][1],
        "steps": steps,
        "wall_s": seconds,
        **{path.name: _losses(path) | {"held_out": _held_out(path, data)} for path in (teacher, student)},
    }


def _commands(
    bags: Path, data: Path, teacher: Path, sets: Path, student: Path, report: Path, steps: int
) -> Iterator[tuple[str, list[Any]]]:
    common = ["--set", "threads=1"]
    yield "convert", [bags, "--out", data]
    yield "data-report", [data, "--out", report]
    yield "train", ["--data", data, "--out", teacher, *common, *_steps("teacher", steps)]
    observations = ["--set", f"sets.observations={OBSERVATIONS}"]
    yield "sample", ["--teacher", teacher, "--data", data, "--out", sets, *common, *observations]
    yield (
        "distill",
        ["--teacher", teacher, "--sets", sets, "--out", student, *common, *_steps("student", steps)],
    )


def _steps(stage: str, steps: int) -> list[str]:
    """A short run: the rate of learning rises and falls within it, and the averaged weights follow in it."""
    values = {"steps": steps, "batch": 16, "warmup_steps": steps // 10, "ema_limit": 0.98, "log_every": 10}
    return [word for key, value in values.items() for word in ("--set", f"{stage}.{key}={value}")]


def _f2o(name: str, words: list[Any]) -> None:
    _call([sys.executable, "-m", "f2o_policy", name, *map(str, words)], f"f2o {name}")


def _held_out(run: Path, data: Path) -> dict[str, Any]:
    found = run / "held_out.json"
    words = ["--policy", str(run), "--data", str(data), "--out", str(found)]
    _call([sys.executable, "-m", "f2o_policy.evaluation.heldout", *words], "held-out errors")
    return dict(json.loads(found.read_text()))


def _call(command: list[str], what: str) -> None:
    env = {"OMP_NUM_THREADS": "1", **os.environ}  # two threads that wait for one another halve a busy machine
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise TeleopError(f"{what} ended with status {done.returncode}: {''.join(last)}")


def _losses(run: Path) -> dict[str, float]:
    """Training loss over the first and over the last fifth of what was logged, and the last one in validation."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    loss = [row["loss"] for row in rows]
    part = max(1, len(loss) // 5)
    validation = [row["validation_loss"] for row in rows if "validation_loss" in row]
    return {
        "loss_begin": round(sum(loss[:part]) / part, 4),
        "loss_end": round(sum(loss[-part:]) / part, 4),
        "validation_loss_end": round(validation[-1], 4),
    }
