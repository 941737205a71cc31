"""A run folder: settings, metrics, and the state to resume from after an interruption.

config.json     settings, hashes of data, code    checkpoint.pt   the policy (EMA weights)
metrics.jsonl   one line per logged step          state.pt        optimiser and weights, to resume
curve.png       the training curve                summary.json    seed, hashes, wall time, last metrics
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from f2o_nodekit.provenance import other_code

from f2o_policy.data.files import read_json, read_lines, write_json, write_text
from f2o_policy.errors import RunError
from f2o_policy.page import figure_of
from f2o_policy.provenance import learning_code


class RunFolder:
    """Creates ``path`` or continues it; of several ranks only rank 0 writes (``writes``).

    Raises:
        RunError: the run was started with other settings or other code.
    """

    def __init__(self, path: str | Path, settings: dict[str, Any], writes: bool = True) -> None:
        self.path, self._writes = Path(path), writes
        file = self.path / "config.json"
        settings = {**settings, "code_sha256": learning_code()}
        if file.exists():
            self._compare(read_json(file, lambda text: RunError(self.path, text)), settings)
        if writes:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(file, settings)

    def _compare(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        if problem := other_code(old.get("code_sha256", ""), new["code_sha256"]):
            raise RunError(self.path, problem)
        before, now = _leaves(old), _leaves(json.loads(json.dumps(new)))
        changed = [k for k in sorted(before | now) if before.get(k) != now.get(k) and k != "config.threads"]
        if changed:
            what = "; ".join(f"{k}: was {before.get(k)}, now {now.get(k)}" for k in changed[:5])
            raise RunError(self.path, f"was started with other settings ({what}); use another folder")

    def drop_metrics_after(self, step: int) -> None:
        """Remove what an interrupted run logged after its last saved step."""
        if self._writes:
            rows = [row for row in self.metrics() if row["step"] <= step]
            write_text(self.path / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def log(self, step: int, values: dict[str, float]) -> dict[str, float]:
        """Append one line to metrics.jsonl; returns the values as rounded there."""
        rounded = {k: float(f"{v:.6g}") for k, v in values.items()}
        if self._writes:
            with (self.path / "metrics.jsonl").open("a") as file:
                file.write(json.dumps({"step": step, **rounded}) + "\n")
        return rounded

    def last(self) -> dict[str, float]:
        """The values that were logged last; empty before the first."""
        logged = self.metrics()
        return {k: v for k, v in logged[-1].items() if k != "step"} if logged else {}

    def metrics(self) -> list[dict[str, Any]]:
        """Everything logged so far."""
        return read_lines(self.path / "metrics.jsonl")

    def finish(self, summary: dict[str, Any]) -> None:
        """Write summary.json and curve.png."""
        if not self._writes:
            return
        write_json(self.path / "summary.json", summary)
        draw_curve(self.metrics(), self.path / "curve.png")


class StopSignal:
    """Within ``with StopSignal() as stop``: the first Ctrl-C sets ``stop.requested``, a second one interrupts.

    SIGTERM, sent by schedulers and torchrun, requests a stop and never interrupts: the state is saved first.
    """

    requested = False

    def __enter__(self) -> StopSignal:
        self._previous = [signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), self._previous, strict=True):
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True


def draw_curve(rows: list[dict[str, Any]], path: Path) -> None:
    """Every logged quantity against the step; losses on a logarithmic axis, shares on a linear one."""
    skipped = {"step", "samples_per_s", "learning_rate", "seconds"}
    names = sorted({k for row in rows for k in row} - skipped)
    shares = {"teacher_hit", "student_used", "spread_ratio", "gate_entropy"}
    shares |= {f"validation_{k}" for k in shares}
    figure, (losses, others) = figure_of((9, 3.6), (1, 2))
    for name in names:
        points = [(row["step"], row[name]) for row in rows if name in row]
        (others if name in shares else losses).plot(*zip(*points, strict=True), label=name, linewidth=1)
    losses.set(yscale="log", xlabel="step", title="losses (normalised units)")
    others.set(xlabel="step", title="shares")
    for axes in (losses, others):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=7)
    figure.savefig(path, dpi=110)


def _leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {
        k: v for key, value in tree.items() for k, v in _leaves(value, f"{prefix}.{key}".lstrip(".")).items()
    }
