"""The whole loop: cameras and arm simulated on the real-time PC, perception, policy and bridge on the policy PC."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from benchmarks import ROOT
from benchmarks.common.processes import command
from benchmarks.two_pcs.cell import ADDRESSES, Cell

CHECKPOINT = ROOT / "checkpoints" / "reach_around" / "student.pt"
SMALL = {  # images that fit into a receive buffer of Linux's default size: on a real cell they do not cross
    "sim.yaml": {"width": "64", "height": "48", "camera_hz": "10.0"},
    "perception.yaml": {"camera_hz": "10.0"},
}
PATIENT = {  # ten times what is shipped, for who asks whether it runs and not how fast
    "perception.yaml": {"max_age_s": "2.5", "joint_wait_s": "1.0", "max_joint_gap_s": "1.0"},
    "bridge.yaml": {
        "target_s": "1.0",
        "first_target_s": "10.0",
        "joint_states_s": "2.0",
        "observations_s": "5.0",
        "tracking_error_s": "10.0",
        "max_staleness_s": "1.0",
    },
}
NO_CHANGES: Mapping[str, Mapping[str, str]] = MappingProxyType({})


def small_config(folder: Path, changes: Mapping[str, Mapping[str, str]]) -> Path:
    """A copy of the configuration in ``folder``, with ``SMALL`` and ``changes`` (file, key, value) made.

    Raises:
        RuntimeError: a file has no such key, or several.
    """
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    for name in {**SMALL, **changes}:
        text = (config / name).read_text()
        for key, value in {**SMALL.get(name, {}), **changes.get(name, {})}.items():
            text, found = re.subn(rf"(?m)^( *){key}: \S+", rf"\g<1>{key}: {value}", text)
            if found != 1:
                raise RuntimeError(f"{name}: expected one key {key}, got {found}")
        (config / name).write_text(text)
    return config


class TwoPcs:
    """``with TwoPcs(folder) as both:`` runs rt.launch.py's graph on one, deploy's on the other, an operator on each.

    The policy is the published student, or one that sways the arm and costs nothing (``swaying_node``). ``prepare`` is
    called before anything starts; with ``stranger`` the cell has a third machine.

    Attributes:
        cell: the PCs and their network.
    """

    def __init__(
        self,
        folder: Path,
        changes: Mapping[str, Mapping[str, str]] = NO_CHANGES,
        student: bool = False,
        prepare: Callable[[Cell], None] = lambda cell: None,
        stranger: bool = False,
    ) -> None:
        self._folder, self._student, self.cell = folder, student, Cell(stranger)
        self._prepare = prepare
        self._changes = changes

    def __enter__(self) -> TwoPcs:
        config = small_config(self._folder, self._changes)
        self.cell.__enter__()
        try:
            self._prepare(self.cell)
            self._start(config)
        except BaseException:
            self.cell.__exit__(None, None, None)
            raise
        return self

    def _start(self, config: Path) -> None:
        words = [
            "network:=cell",
            "adapter:=jtc",
            f"config:={config}",
            *(f"{pc}:={a}" for pc, a in ADDRESSES.items()),
        ]
        policy = ["robot_driver:=false", "camera_driver:=false", "enable:=false", f"checkpoint:={CHECKPOINT}"]
        operator = command("benchmarks.two_pcs.operator_node")
        start = self.cell.start
        start("real_time_pc", ["f2o-launch", "rt", "sim:=true", *words], self.log("rt"))
        if self._student:
            start("policy_pc", ["f2o-launch", "deploy", *policy, *words], self.log("deploy"))
        else:
            start("policy_pc", command("benchmarks.two_pcs.graph", *policy, *words), self.log("deploy"))
            start("policy_pc", command("benchmarks.two_pcs.swaying_node"), self.log("policy"))
        # A shell of the policy PC knows nothing of the cell and has to do; beyond it, one has to say so.
        self._operators = {
            "policy_pc": start("policy_pc", operator, self.log("policy_pc")),
            "real_time_pc": start("real_time_pc", [*operator, "cell"], self.log("real_time_pc")),
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cell.__exit__(kind, error, trace)

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self._folder / f"{name}.log"

    def tell(self, pc: str, line: str) -> None:
        """A line for the operator at ``pc``."""
        stdin = self._operators[pc].stdin
        assert stdin is not None
        stdin.write(f"{line}\n")
        stdin.flush()

    def at(self, pc: str) -> dict[str, Any]:
        """What the operator at ``pc`` said last."""
        for line in reversed(self.log(pc).read_text().splitlines() if self.log(pc).exists() else []):
            try:
                return {"commands": 0, "joints": 0, "observations": 0} | json.loads(line)
            except ValueError:  # half a line, or somebody else's
                continue
        return {
            "mode": "",
            "answer": "",
            "from_observations": 0,
            "commands": 0,
            "joints": 0,
            "observations": 0,
        }

    def until(
        self,
        true: Callable[[], bool],
        what: str,
        then: Callable[[], None] = lambda: None,
        timeout_s: float = 120.0,
    ) -> None:
        """Wait for ``true``, doing ``then`` once a second meanwhile.

        Raises:
            TimeoutError: it does not come; with the ends of all logs.
        """
        end = time.monotonic() + timeout_s
        while not true():
            if time.monotonic() > end:
                logs = (
                    f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(self._folder.glob("*.log"))
                )
                raise TimeoutError("\n".join([f"{what} did not come in {timeout_s:g} s", *logs]))
            then()
            time.sleep(1.0)

    def arm(self) -> None:
        """Arm until commands made from observations reach the real-time PC, as somebody at the policy PC would."""
        before = self.at("real_time_pc")["from_observations"]

        def call() -> None:
            mode = self.at("policy_pc")["mode"]
            if mode in ("disarmed", "hold"):
                self.tell("policy_pc", "arm")
            elif mode == "fault":
                self.tell("policy_pc", "recover")

        self.until(lambda: self.at("policy_pc")["observations"] > 0, "an observation")
        self.until(
            lambda: self.at("real_time_pc")["from_observations"] > before + 20,
            "commands from observations",
            call,
        )
