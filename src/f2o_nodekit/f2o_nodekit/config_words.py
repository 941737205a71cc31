"""What a configuration class holds, found by dotted key and said in words; an error of pydantic as one sentence."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import annotated_types
from pydantic.fields import FieldInfo

KEY = "[key]"
"""The end of pydantic's places of errors in the key of a mapping, not in its value."""


def sentence(cls: type, error: Any) -> str:
    """One of pydantic's errors about ``cls`` as key, what is legal, and what was given."""
    kind, loc = error["type"], list(error["loc"])
    if kind == "rule":
        return ".".join([*map(str, loc), error["ctx"]["text"]])
    if kind == "unexpected_keyword_argument":
        return f"{_dotted(loc)}: unknown key, {_known(field_at(cls, loc[:-1]), loc[-1])}"
    if kind.startswith("missing") and isinstance(loc[-1], int):  # an item of a list
        loc.pop()
    elif kind.startswith("missing"):
        return f"{_dotted(loc)}: missing, expected {expected(field_at(cls, loc))}"
    legal = str(error["ctx"]["error"]) if kind == "value_error" else expected(field_at(cls, loc))
    return f"{_dotted(loc)}: expected {legal}, got {got(error['input'])}"


def _known(info: FieldInfo, key: str) -> str:
    """The legal keys in the place of the unknown ``key``, the one that was probably meant first."""
    names = [name for name, field in fields(info.annotation).items() if field.init is not False]
    near = difflib.get_close_matches(key, names, 1)
    guess = f"did you mean {near[0]}? " if near else ""
    return f"{guess}expected one of {', '.join(names)}"


def _dotted(loc: Sequence[str | int]) -> str:
    text = "".join("" if key == KEY else f"[{key}]" if isinstance(key, int) else f".{key}" for key in loc)
    return text.removeprefix(".")


def fields(hint: Any) -> dict[str, FieldInfo]:
    """Key -> field of a configuration class; none of anything else."""
    return getattr(hint, "__pydantic_fields__", {})


def field_at(cls: type, loc: Sequence[str | int]) -> FieldInfo:
    """The field in the place ``loc``.

    Raises:
        KeyError: there is none.
    """
    info = FieldInfo.from_annotation(cls)
    for key in loc:
        hint = alternatives(info.annotation)[0]
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if key == KEY:
            break
        if origin is dict:
            info = FieldInfo.from_annotation(args[0 if KEY in loc else 1])
        elif origin is tuple:
            info = FieldInfo.from_annotation(args[0])
        else:
            info = fields(hint)[str(key)]
    return info


def alternatives(hint: Any) -> list[Any]:
    """The members of a union without None, or ``hint`` alone."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return [arg for arg in typing.get_args(hint) if arg is not type(None)] if union else [hint]


_NAMES: dict[Any, str] = {
    float: "a number",
    int: "an integer",
    str: "a text",
    bool: "true or false",
    type(None): "nothing",
}


def expected(info: FieldInfo) -> str:
    """What a field may hold, in words."""
    origin, args = typing.get_origin(info.annotation), typing.get_args(info.annotation)
    if info.description:
        return info.description
    if origin is typing.Literal:
        return f"one of {', '.join(map(str, args))}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(expected(FieldInfo.from_annotation(arg)) for arg in args)
    if origin is tuple:
        many = "a list" if args[-1] is Ellipsis else f"a list of {len(args)}"
        return f"{many} ({expected(FieldInfo.from_annotation(args[0]))} each)"
    if origin is dict or dataclasses.is_dataclass(info.annotation):
        return "keys and values"
    return _NAMES.get(info.annotation, str(info.annotation)) + _range(info.metadata)


def _range(metadata: Sequence[Any]) -> str:
    """The bounds among a field's metadata, in words."""
    bounds = {
        name: getattr(item, name)
        for item in metadata
        for name in ("gt", "ge", "lt", "le", "multiple_of")
        if isinstance(item, annotated_types.BaseMetadata) and hasattr(item, name)
    }
    if {"ge", "le"} <= bounds.keys():
        return f" from {_number(bounds['ge'])} to {_number(bounds['le'])}"
    words = {
        "gt": "above",
        "ge": "of at least",
        "lt": "below",
        "le": "at most",
        "multiple_of": "a multiple of",
    }
    parts = [f"{words[name]} {_number(limit)}" for name, limit in bounds.items()]
    return f" {' and '.join(parts)}" if parts else ""


def _number(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def got(value: Any) -> str:
    """A value that was given, in words."""
    if isinstance(value, Mapping):
        return "keys and values"
    return "nothing" if value is None else repr(value)
