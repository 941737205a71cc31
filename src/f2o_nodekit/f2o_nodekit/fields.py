"""Types of configuration values that several nodes share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from f2o_nodekit.config import ConfigPath
from f2o_nodekit.names import full_name

V = TypeVar("V")


def must(legal: Callable[[V], bool], expected: str) -> AfterValidator:
    """A rule of a single value; ``expected`` says in words which ones ``legal`` lets through."""

    def validate(value: V) -> V:
        if not legal(value):
            raise ValueError(expected)
        return value

    return AfterValidator(validate)


def one_of(names: Iterable[str]) -> AfterValidator:
    """A text that is among ``names``, for sets that are not known to a ``Literal``."""
    known = list(names)
    return must(lambda name: name in known, f"one of {', '.join(known)}")


def _different(names: tuple[str, ...]) -> bool:
    return 0 < len(names) == len(set(names))


def _in_namespace(
    name: str, info: Any
) -> str:  # pydantic.ValidationInfo, a protocol that beartype cannot check
    return full_name(name, info.context.namespace if info.context else "")


Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Port = Annotated[int, Field(ge=1, le=65535)]
FifoPriority = Annotated[int, Field(ge=0, le=99)]
"""SCHED_FIFO of a loop where the system grants it; 0: do not ask."""
DIFFERENT = must(_different, "one or more different names")
Names = Annotated[tuple[str, ...], DIFFERENT]
Interval = Annotated[tuple[float, float], must(lambda ends: ends[0] < ends[1], "lower < upper")]
TopicName = Annotated[
    str,
    Field(pattern=r"^[/~]?[A-Za-z0-9_/]+$", description="a topic name"),
    AfterValidator(_in_namespace),
]
"""A name that a file gives relative to the namespace of its node and the model holds in full."""
ViewTopicName = Annotated[
    str,
    Field(
        pattern=r"^[/~]?[\w/]*\{view\}[\w/]*$",
        description="a topic name with {view} in it",
    ),
    AfterValidator(_in_namespace),
]
"""Of a camera: ``{view}`` stands for its name."""
WrittenPath = Annotated[
    ConfigPath,
    must(lambda path: not path or Path(path).parent.is_dir(), "a path in an existing folder"),
]
"""Of a file that is written at the end, too late to hear that its folder is missing; empty for none."""
