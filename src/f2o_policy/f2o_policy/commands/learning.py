"""``f2o train``, ``sample``, ``distill``, ``export``: from a data set to a policy on the robot."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from f2o_policy.commands.common import STOPPED, configuration, training_command


def add(commands: Any) -> None:
    """Add them to the parser of ``f2o``."""
    train = training_command(commands, "train", "a CFM teacher from a data set", run_train)
    train.add_argument("--data", type=Path, required=True, help="data set folder (f2o convert)")
    train.add_argument("--init", type=Path, help="teacher to start from, e.g. to fine-tune it")

    train.add_argument(
        "--encoder", type=Path, help="teacher whose encoder is copied and frozen: only the head is trained"
    )
    train.add_argument(
        "--keep", default="encoder", help="with --encoder: encoder (default) or trunks, its two ResNets alone"
    )

    sample = training_command(commands, "sample", "teacher sets: K trajectories per observation", run_sample)
    sample.add_argument("--teacher", type=Path, required=True, help="run folder of the teacher")
    sample.add_argument("--data", type=Path, required=True, help="data set the teacher was trained on")
    sample.add_argument(
        "--other-data",
        action="store_true",
        help="--data holds other observations of the same robot and cameras",
    )

    distill = training_command(commands, "distill", "a one-step student from teacher sets", run_distill)
    distill.add_argument("--teacher", type=Path, required=True, help="run folder of the teacher")
    distill.add_argument("--sets", type=Path, required=True, help="folder of its sets (f2o sample)")
    distill.add_argument(
        "--method", help="imle (default), coverage, fidelity, hungarian, mse, paired or prefix"
    )
    distill.add_argument("--init", type=Path, help="student of the same teacher to start from")

    export = commands.add_parser("export", help="a student as a folder that runs without torch")
    export.set_defaults(run=run_export)
    export.add_argument("--policy", type=Path, required=True, help="run folder or checkpoint of a student")
    export.add_argument("--out", type=Path, required=True, help="new folder; may be given as checkpoint:=")


def run_train(arguments: argparse.Namespace) -> int:
    """``f2o train``."""
    from f2o_policy.training.train import train

    done = train(
        arguments.data,
        arguments.out,
        configuration(arguments),
        init=arguments.init,
        encoder=arguments.encoder,
        keep=arguments.keep,
    )
    return _report(done, arguments.out)


def run_sample(arguments: argparse.Namespace) -> int:
    """``f2o sample``."""
    from f2o_policy.training.sample import sample

    done = sample(
        arguments.teacher,
        arguments.data,
        arguments.out,
        configuration(arguments),
        other_data=arguments.other_data,
    )
    return _report(done, arguments.out)


def run_distill(arguments: argparse.Namespace) -> int:
    """``f2o distill``."""
    from f2o_policy.training.distill import distill

    extra = {} if arguments.method is None else {"student.method": arguments.method}
    config = configuration(arguments, extra)
    done = distill(arguments.teacher, arguments.sets, arguments.out, config, init=arguments.init)
    return _report(done, arguments.out)


def _report(finished: bool, out: Path) -> int:
    if not finished:
        print(f"stopped; the same command continues {out}", file=sys.stderr)
        return STOPPED
    for name in ("summary.json", "manifest.json"):
        if (out / name).exists():
            tree = json.loads((out / name).read_text())
            shown = {
                k: tree[k] for k in ("wall_s", "steps", "done", "bad", "unusable", "metrics") if k in tree
            }
            print(f"{out}: {json.dumps(shown)}")
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    """``f2o export``."""
    from f2o_policy.checkpoint import load_checkpoint
    from f2o_policy.runtime.export import write_export

    worst = write_export(load_checkpoint(arguments.policy), arguments.out)
    print(f"{arguments.out}: written; at most {worst * 1e6:.2f} microrad from eager float32 torch")
    return 0
