"""From recorded bags to a policy by the commands that a person types, and whether it learned anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from f2o_teleop.errors import TeleopError

OBSERVATIONS = 400  # of which teacher sets are sampled


def run(bags: Path, out: Path, steps: int) -> dict[str, Any]:
    """``f2o convert``, ``data-report``, ``train``, ``sample`` and ``distill`` below ``out``, ``steps`` each of teacher
    and student, and the errors of both in the episodes that were held out.

    Called again, it goes on behind the last command that ended well.

    Raises:
        TeleopError: a command failed; the text is its output.
    """
    out.mkdir(parents=True, exist_ok=True)
    journal = out / "seconds.json"
    seconds = dict(json.loads(journal.read_text())) if journal.exists() else {}
    for name, words in _commands(bags, out, steps).items():
        if name not in seconds:
            begin = time.monotonic()
            _call([sys.executable, "-m", "f2o_bringup.cli", name, *map(str, words)], f"f2o {name}")
            seconds[name] = round(time.monotonic() - begin, 1)
            journal.write_text(json.dumps(seconds))
    data = out / "data"
    manifest = json.loads((data / "manifest.json").read_text())
    return {
        "episodes": len(manifest["episodes"]),
        "observations": manifest["episodes"][-1]["observations"][1],
        "steps": steps,
        "wall_s": seconds,
        **{
            name: losses(out / name) | {"held_out": _held_out(out / name, data)}
            for name in ("teacher", "student")
        },
    }


def _commands(bags: Path, out: Path, steps: int) -> dict[str, list[Any]]:
    """Command of ``f2o`` -> its words."""
    data, teacher, sets, student = (out / name for name in ("data", "teacher", "sets", "student"))
    small = ["--set", "threads=1", "--set", f"sets.observations={OBSERVATIONS}"]
    small += [*_steps("teacher", steps), *_steps("student", steps)]
    return {
        "convert": [bags, "--out", data],
        "data-report": [data, "--out", out / "report"],
        "train": ["--data", data, "--out", teacher, *small],
        "sample": ["--teacher", teacher, "--data", data, "--out", sets, *small],
        "distill": ["--teacher", teacher, "--sets", sets, "--out", student, *small],
    }


def _steps(stage: str, steps: int) -> list[str]:
    """A short run: the rate of learning rises and falls within it, and the averaged weights follow in it."""
    values = {"steps": steps, "batch": 16, "warmup_steps": steps // 10, "ema_limit": 0.98, "log_every": 10}
    return [word for key, value in values.items() for word in ("--set", f"{stage}.{key}={value}")]


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


def losses(run: Path) -> dict[str, float]:
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
