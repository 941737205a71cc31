"""The node graph as plain processes, where ROS 2's ``launch`` is missing.

``f2o-launch deploy sim:=true`` (or ``python -m f2o_bringup.processes ...``) does what
``ros2 launch f2o_control deploy.launch.py sim:=true`` does.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Mapping

from f2o_bringup.errors import BringupError, EndedError, GraphError
from f2o_bringup.graph import graph_named
from f2o_bringup.node_process import NodeProcess, command_of
from f2o_bringup.specs import Graph, NodeSpec, resolve

# Signals that end the processes, and how long to wait after each [s].
STEPS = ((signal.SIGINT, 1.6), (signal.SIGTERM, 0.8), (signal.SIGKILL, 0.3))


class Running:
    """A graph that runs. ``with`` stops it at the end."""

    def __init__(self, specs: tuple[NodeSpec, ...], write: Callable[[str], None] = print) -> None:
        commands = [(spec, command_of(spec)) for spec in specs]  # all are found before the first starts
        self.processes: dict[str, NodeProcess] = {}
        self._first_ended: NodeProcess | None = None
        try:
            for spec, command in commands:
                self.processes[spec.name] = NodeProcess(spec, command, write)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def ended(self) -> NodeProcess | None:
        """The first required process that has ended, if any; starts again what is to be respawned."""
        if self._first_ended is None:
            for process in self.processes.values():
                process.restart_if_due(time.monotonic())
            ended = (p for p in self.processes.values() if p.spec.required and p.status is not None)
            self._first_ended = next(ended, None)
        return self._first_ended

    def check(self) -> None:
        """Raise when a required process has ended.

        Raises:
            EndedError: naming it, its exit status and its last line.
        """
        if (process := self.ended()) is not None:
            process.finish()
            raise EndedError(describe_end(process))

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait until a required process ends, then end all; its exit status, or None at the timeout."""
        deadline = time.monotonic() + (float("inf") if timeout_s is None else timeout_s)
        while (process := self.ended()) is None:
            if all(p.status is not None and p.spec.respawn_s is None for p in self.processes.values()):
                return 0
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
        status = process.status
        self.stop()
        return status

    def stop(self) -> None:
        """End every process within 3 s: SIGINT, then SIGTERM, then SIGKILL."""
        for number, timeout_s in STEPS:
            alive = [p for p in self.processes.values() if p.status is None]
            for process in alive:
                process.signal(number)
            deadline = time.monotonic() + timeout_s
            while any(p.status is None for p in alive) and time.monotonic() < deadline:
                time.sleep(0.01)
        for process in self.processes.values():
            process.finish()


def describe_end(process: NodeProcess) -> str:
    """One sentence on how ``process`` ended, with its last line of output where it failed."""
    last = f": {process.last_line}" if process.last_line and process.status else ""
    return f"{process.spec.name} ended with status {process.status}{last}"


def start(name: str | Graph, arguments: Mapping[str, str], write: Callable[[str], None] = print) -> Running:
    """Start the graph called ``name`` (deploy, record), or a graph given as such.

    The calling thread has to live as long as the graph: nodes end when it does.

    Raises:
        GraphError: no such graph, or an argument that it has not.
        ExecutableError: a node that is not installed.
    """
    resolved = resolve(name if isinstance(name, Graph) else graph_named(name), arguments)
    if resolved.includes:
        packages = " and ".join(dict.fromkeys(include.package for include in resolved.includes))
        without = " ".join(dict.fromkeys(include.without for include in resolved.includes))
        raise GraphError(
            f"sim:=false starts {packages} through ros2 launch; without it give sim:=true, or {without}"
        )
    return Running(resolved.nodes, write)


def parse(words: list[str]) -> tuple[str, dict[str, str]]:
    """``deploy sim:=true`` as the graph's name and its arguments.

    Raises:
        GraphError: no graph named, or a word that is not ``name:=value``.
    """
    if not words:
        raise GraphError("expected a graph (deploy, record or replay), then name:=value ...")
    name, *rest = words
    if wrong := [word for word in rest if ":=" not in word]:
        raise GraphError(f"{wrong[0]}: expected name:=value")
    return name, dict(word.split(":=", 1) for word in rest)


def run(words: list[str]) -> int:
    """Run a graph until it ends or Ctrl-C; returns the exit status."""
    name, arguments = parse(words)
    running = start(name, arguments, lambda line: print(line, flush=True))
    try:
        status = running.wait()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave a node behind
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        running.stop()
        return 0
    ended = running.ended()
    if ended is not None:
        print(describe_end(ended), file=sys.stderr)
    return status or 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run ``f2o-launch``."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(0)
    except BringupError as error:
        print(f"f2o-launch: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
