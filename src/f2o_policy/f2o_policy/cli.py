"""``f2o convert | train | sample | distill | eval``: the whole pipeline from a shell.

Every mistake of the user is one sentence on stderr and exit status 2; a run says where its result is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.config import build_config, load_config
from f2o_nodekit.errors import F2oError

STOPPED = 130  # exit status after Ctrl-C, as shells have it


def main(argv: list[str] | None = None) -> None:
    """Entry point of the ``f2o`` command; exits with 0, 2 (a mistake) or 130 (stopped, resumable)."""
    arguments = parser().parse_args(argv)
    # Before torch is imported: threads that wait sleep. Spinning ones halve the speed where another process computes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        sys.exit(arguments.run(arguments))
    except F2oError as error:
        print(f"f2o {arguments.command}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"f2o {arguments.command}: interrupted", file=sys.stderr)
        sys.exit(STOPPED)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="f2o", description="Demonstrations to a 125 Hz one-step policy.")
    commands = root.add_subparsers(dest="command", required=True)

    train = _training_command(commands, "train", "a CFM teacher from a data set", run_train)
    train.add_argument("--data", type=Path, required=True, help="data set folder (f2o convert)")

    sample = _training_command(commands, "sample", "teacher sets: K trajectories an observation", run_sample)
    sample.add_argument("--teacher", type=Path, required=True, help="run folder of the teacher")
    sample.add_argument("--data", type=Path, required=True, help="data set the teacher was trained on")

    distill = _training_command(commands, "distill", "a one-step student from teacher sets", run_distill)
    distill.add_argument("--teacher", type=Path, required=True, help="run folder of the teacher")
    distill.add_argument("--sets", type=Path, required=True, help="folder of its sets (f2o sample)")
    distill.add_argument("--method", help="imle (default) or mse")
    return root


def _training_command(commands: Any, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=what, description=what)
    command.set_defaults(run=run)
    command.add_argument(
        "--out", type=Path, required=True, help="folder to write; an interrupted run is continued"
    )
    command.add_argument(
        "--config", type=Path, help="YAML such as config/policy_small.yaml (default: those values)"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one key of the configuration, e.g. --set teacher.steps=2000",
    )
    return command


def configuration(arguments: argparse.Namespace, extra: dict[str, Any] | None = None) -> Any:
    """The training configuration of a command line."""
    from f2o_policy.training.config import Config

    overrides = {**_overrides(arguments.overrides), **(extra or {})}
    if arguments.config is not None:
        return load_config(Config, arguments.config, overrides)
    import dataclasses

    return build_config(Config, dataclasses.asdict(Config()), "command line", overrides)


def _overrides(pairs: list[str]) -> dict[str, Any]:
    from f2o_policy.errors import PolicyError

    for pair in pairs:
        if "=" not in pair:
            raise PolicyError(f"--set {pair}: expected KEY=VALUE, e.g. teacher.steps=2000")
    return {key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in pairs)}


def run_train(arguments: argparse.Namespace) -> int:
    """``f2o train``."""
    from f2o_policy.training.train import train

    return _report(train(arguments.data, arguments.out, configuration(arguments)), arguments.out)


def run_sample(arguments: argparse.Namespace) -> int:
    """``f2o sample``."""
    from f2o_policy.training.sample import sample

    done = sample(arguments.teacher, arguments.data, arguments.out, configuration(arguments))
    return _report(done, arguments.out)


def run_distill(arguments: argparse.Namespace) -> int:
    """``f2o distill``."""
    from f2o_policy.training.distill import distill

    extra = {} if arguments.method is None else {"student.method": arguments.method}
    done = distill(arguments.teacher, arguments.sets, arguments.out, configuration(arguments, extra))
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
