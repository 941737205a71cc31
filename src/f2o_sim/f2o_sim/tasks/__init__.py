"""The tasks, by name. A new one is a file beside these and a line in ``TASKS``."""

from __future__ import annotations

from f2o_sim.errors import UnknownTaskError
from f2o_sim.tasks.base import Task
from f2o_sim.tasks.reach_around import ReachAround
from f2o_sim.tasks.reach_moving import ReachMoving

TASKS: dict[str, type[Task]] = {task.name: task for task in (ReachAround, ReachMoving)}


def make_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UnknownTaskError: there is none.
    """
    if name not in TASKS:
        raise UnknownTaskError(name, list(TASKS))
    return TASKS[name]()
