"""``f2o``: the whole pipeline from a shell, bags to deployment; other packages add commands of their own.

Every mistake of the user is one sentence on stderr and exit status 2; a run says where its result is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.config import build_config, load_config
from f2o_nodekit.errors import F2oError

STOPPED = 130  # exit status after Ctrl-C, as shells have it
COMMANDS = "f2o.commands"
"""Entry points of other packages' commands: each is called with the subparsers and adds its own. Importing such a
module must be cheap; what a command needs it imports when it runs."""


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
    except BrokenPipeError:  # `f2o ... | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="f2o", description="Demonstrations to a 125 Hz one-step policy.")
    commands = root.add_subparsers(dest="command", required=True)

    convert = commands.add_parser("convert", help="recorded bags to a data set")
    convert.set_defaults(run=run_convert)
    convert.add_argument("bags", type=Path, help="folder of episode folders, or one of them")
    convert.add_argument("--out", type=Path, required=True, help="data set folder; new bags are added to it")
    convert.add_argument("--perception", type=Path, help="perception.yaml (default: the installed one)")
    convert.add_argument(
        "--longest-pause",
        type=float,
        default=0.0,
        metavar="S",
        help="shorten longer pauses to this (default: keep)",
    )
    convert.add_argument("--processes", type=_positive, default=1, help="bags read at the same time")
    convert.add_argument(
        "--only",
        choices=("teleop", "policy"),
        default="",
        help="only the spans in which a person (teleop) or the policy was in control, each as an episode",
    )

    shown = commands.add_parser(
        "data-report", help="what a data set demonstrates and whether it is sound, a page"
    )
    shown.set_defaults(run=run_data_report)
    shown.add_argument("data", type=Path, help="data set folder (f2o convert)")
    shown.add_argument(
        "--out", type=Path, required=True, help="folder for report.html, report.json and pictures"
    )

    lerobot = commands.add_parser("to-lerobot", help="a data set as a LeRobotDataset v3.0")
    lerobot.set_defaults(run=run_to_lerobot)
    lerobot.add_argument("data", type=Path, help="data set folder (f2o convert)")
    lerobot.add_argument("--out", type=Path, required=True, help="new folder")
    lerobot.add_argument("--fps", type=float, default=30.0, help="of its uniform clock (default 30)")
    lerobot.add_argument("--task", default="manipulation", help="sentence for episodes whose bag names none")

    load = commands.add_parser(
        "from-lerobot", help="a LeRobotDataset v3.0 with depth and points as a data set"
    )
    load.set_defaults(run=run_from_lerobot)
    load.add_argument("source", type=Path, help="its root, the folder with meta/info.json")
    load.add_argument("--out", type=Path, required=True, help="data set folder; new episodes are added to it")

    train = _training_command(commands, "train", "a CFM teacher from a data set", run_train)
    train.add_argument("--data", type=Path, required=True, help="data set folder (f2o convert)")
    train.add_argument("--init", type=Path, help="teacher to start from, e.g. to fine-tune it")

    train.add_argument(
        "--encoder", type=Path, help="teacher whose encoder is taken and frozen: only the head learns"
    )
    train.add_argument(
        "--keep", default="encoder", help="with --encoder: encoder (default) or trunks, its two ResNets alone"
    )

    sample = _training_command(commands, "sample", "teacher sets: K trajectories an observation", run_sample)
    sample.add_argument("--teacher", type=Path, required=True, help="run folder of the teacher")
    sample.add_argument("--data", type=Path, required=True, help="data set the teacher was trained on")
    sample.add_argument(
        "--other-data",
        action="store_true",
        help="--data holds other observations of the same robot and cameras",
    )

    distill = _training_command(commands, "distill", "a one-step student from teacher sets", run_distill)
    distill.add_argument("--teacher", type=Path, required=True, help="run folder of the teacher")
    distill.add_argument("--sets", type=Path, required=True, help="folder of its sets (f2o sample)")
    distill.add_argument("--method", help="imle (default) or mse")
    distill.add_argument("--init", type=Path, help="student of the same teacher whose weights it begins with")

    evaluate = commands.add_parser("eval", help="success over paired seeds in simulation")
    evaluate.set_defaults(run=run_eval)
    evaluate.add_argument(
        "--policy",
        type=Path,
        action="append",
        required=True,
        help="run folder or checkpoint; repeat to compare",
    )
    evaluate.add_argument(
        "--task", default="reach_around", help="environment to play in (default reach_around)"
    )
    evaluate.add_argument("--episodes", type=_positive, default=20)
    evaluate.add_argument(
        "--seed", type=int, default=1000, help="first seed; every policy gets the same ones"
    )
    evaluate.add_argument("--steps", type=_positive, default=50, help="Euler steps of a teacher (default 50)")
    evaluate.add_argument(
        "--camera-hz", type=_positive, default=30, help="frame rate (default 30; 15 is nearly twice as fast)"
    )
    evaluate.add_argument("--replan", type=_positive, default=4, help="8 ms ticks between plans (default 4)")
    evaluate.add_argument(
        "--teacher-replan",
        type=_positive,
        default=25,
        help="the same for teachers, whose 50 passes take longer (default 25)",
    )
    evaluate.add_argument(
        "--latency",
        choices=("none", "measured"),
        default="none",
        help="measured: a plan arrives as late as this machine needs for it, and the next begins then",
    )
    evaluate.add_argument(
        "--backend", default="auto", help="auto, torch, openvino or cuda; of all policies (default auto)"
    )
    evaluate.add_argument(
        "--hypotheses", type=_positive, default=2, help="chunks drawn for each plan (default 2)"
    )
    evaluate.add_argument("--processes", type=_positive, default=1)
    evaluate.add_argument(
        "--out", type=Path, help="write the report here as JSON; stopped, the same command goes on"
    )

    export = commands.add_parser("export", help="a student as a folder that runs without torch")
    export.set_defaults(run=run_export)
    export.add_argument("--policy", type=Path, required=True, help="run folder or checkpoint of a student")
    export.add_argument("--out", type=Path, required=True, help="new folder; what checkpoint:= may name")

    latency = commands.add_parser("latency-report", help="where the time goes from exposure to command")
    latency.set_defaults(run=run_latency)
    latency.add_argument("trace", type=Path, help="what policy_node wrote (its parameter trace)")
    latency.add_argument("--bridge", type=Path, help="what bridge_node wrote (its parameter trace)")
    latency.add_argument("--out", type=Path, required=True, help="folder for latency.json and latency.png")

    modes = commands.add_parser(
        "modes", help="which of its teacher's modes a student kept, numbers and pictures"
    )
    modes.set_defaults(run=run_modes)
    modes.add_argument("--policy", type=Path, required=True, help="run folder or checkpoint of a student")
    modes.add_argument("--teacher", type=Path, required=True, help="run folder or checkpoint of its teacher")
    modes.add_argument(
        "--data", type=Path, required=True, help="data set; its validation episodes are looked at"
    )
    modes.add_argument("--observations", type=_positive, default=64)
    modes.add_argument("--count", type=_positive, default=32, help="trajectories an observation (default 32)")
    modes.add_argument(
        "--out", type=Path, required=True, help="folder for modes.json, modes.png, report.html"
    )
    for found in sorted(entry_points(group=COMMANDS), key=lambda e: e.name):
        found.load()(commands)
    return root


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {value}")
    return value


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


def run_convert(arguments: argparse.Namespace) -> int:
    """``f2o convert``."""
    from f2o_perception.config import load_perception_config

    from f2o_policy.data.bags import convert

    perception = load_perception_config(arguments.perception or _installed("perception.yaml"))
    report = convert(
        arguments.bags,
        arguments.out,
        perception,
        arguments.processes,
        longest_pause_s=arguments.longest_pause,
        only=arguments.only,
    )
    print(
        f"{arguments.out}: {report.converted} bags converted, {report.present} there before, "
        f"{len(report.skipped)} skipped"
    )
    return 0


def run_data_report(arguments: argparse.Namespace) -> int:
    """``f2o data-report``."""
    from f2o_policy.data.report import write_data_report

    for name, value in write_data_report(arguments.data, arguments.out).items():
        print(f"{name:<24} {value}")
    print(f"{arguments.out}/report.html")
    return 0


def run_to_lerobot(arguments: argparse.Namespace) -> int:
    """``f2o to-lerobot``."""
    from f2o_policy.data.lerobot.export import export_lerobot

    export_lerobot(arguments.data, arguments.out, arguments.fps, arguments.task)
    print(f"{arguments.out}: written")
    return 0


def run_from_lerobot(arguments: argparse.Namespace) -> int:
    """``f2o from-lerobot``."""
    from f2o_policy.data.lerobot.load import import_lerobot

    report = import_lerobot(arguments.source, arguments.out)
    print(f"{arguments.out}: {report.converted} episodes added, {report.present} there before")
    return 0


def _installed(name: str) -> Path:
    """A configuration file: installed with f2o_control, or in ./config."""
    from f2o_policy.errors import PolicyError

    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    folders = [*(Path(p) / "share" / "f2o_control" / "config" for p in prefixes), Path("config")]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise PolicyError(f"{name} is neither installed nor in ./config; name it with --perception")


def run_eval(arguments: argparse.Namespace) -> int:
    """``f2o eval``."""
    from dataclasses import replace

    from f2o_policy.data.files import write_json
    from f2o_policy.evaluation.rollout import Contender, evaluate, plan_latency, table
    from f2o_policy.runtime.load import read_spec

    # A stopped evaluation goes on with the latencies that it began with: measured again, they would be others.
    kept = arguments.out.with_suffix(".latencies.json") if arguments.out else None
    known = json.loads(kept.read_text()) if kept and kept.exists() else {}
    contenders = []
    for path in dict.fromkeys(arguments.policy):
        teacher = read_spec(path).kind == "teacher"
        steps, replan = (arguments.steps, arguments.teacher_replan) if teacher else (0, arguments.replan)
        contender = Contender(str(path), path, steps, replan, arguments.hypotheses, arguments.backend)
        if arguments.latency == "measured":
            if str(path) not in known:
                known[str(path)] = plan_latency(contender)
            late_s = known[str(path)]
            print(f"{path}: {late_s * 1e3:.1f} ms from a look to its plan")
            contender = replace(contender, latency_s=late_s, replan_ticks=1)
        contenders.append(contender)
    if kept and known:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, known)
    seeds = list(range(arguments.seed, arguments.seed + arguments.episodes))
    journal = arguments.out.with_suffix(".jsonl") if arguments.out else None
    report = evaluate(
        arguments.task,
        contenders,
        seeds,
        arguments.processes,
        camera_hz=arguments.camera_hz,
        journal=journal,
    )
    print(table(report))
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(arguments.out, report)
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    """``f2o export``."""
    from f2o_policy.checkpoint import load_checkpoint
    from f2o_policy.runtime.export import write_export

    worst = write_export(load_checkpoint(arguments.policy), arguments.out)
    print(f"{arguments.out}: written; at most {worst * 1e6:.2f} microrad from eager float32 torch")
    return 0


def run_latency(arguments: argparse.Namespace) -> int:
    """``f2o latency-report``."""
    from f2o_policy.runtime.latency import report, table

    print(table(report(arguments.trace, arguments.bridge, arguments.out)))
    print(f"{arguments.out}/latency.png")
    return 0


def run_modes(arguments: argparse.Namespace) -> int:
    """``f2o modes``."""
    from f2o_policy.evaluation.report import write_report

    numbers = write_report(
        arguments.policy,
        arguments.teacher,
        arguments.data,
        arguments.out,
        arguments.observations,
        arguments.count,
    )
    for name, value in numbers.items():
        print(f"{name:<24} {value:.3f}")
    print(f"{arguments.out}/report.html")
    return 0


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


if __name__ == "__main__":
    main()
