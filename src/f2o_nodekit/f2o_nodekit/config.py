"""YAML files read into frozen pydantic dataclasses, with every mistake reported at once.

The dataclass is the only place that knows the keys, types, ranges, rules and defaults of a configuration; the YAML
file, the ROS parameters and the command line are three ways to fill it. A configuration class is written as

    @dataclass(frozen=True, config=STRICT)  # of pydantic.dataclasses
    class Loop:
        rate_hz: Annotated[float, Field(ge=50, le=1000)] = 125.0

with types of ``f2o_nodekit.fields`` where those fit, and ``rules`` for what holds between keys.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import annotated_types
import yaml
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from f2o_nodekit.errors import F2oError

C = TypeVar("C")
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""Of every configuration class: no unknown keys, no NaN/Inf, no text that looks like a number."""


class ConfigError(F2oError):
    """A configuration that cannot be used; the text names the file and every wrong key."""

    def __init__(self, source: str, problems: list[str]) -> None:
        count = f"{len(problems)} error{'s' if len(problems) > 1 else ''}"
        super().__init__(f"{source}: {count}: " + "; ".join(problems))
        self.problems = problems


def load_config(cls: type[C], path: str | Path, overrides: Mapping[str, Any] | None = None) -> C:
    """Read ``path`` into ``cls``; ``overrides`` maps dotted keys to values that replace the file's.

    A path in the file is relative to the file's folder, a path among ``overrides`` to the working folder.

    Raises:
        ConfigError: no such file, not YAML, unknown or missing keys, wrong types, values out of range, or a rule.
    """
    return build_config(cls, _read_yaml(Path(path)), str(path), overrides, Path(path).absolute().parent)


def build_config(
    cls: type[C],
    tree: Mapping[str, Any],
    source: str,
    overrides: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> C:
    """As ``load_config`` from a mapping; ``source`` names it in the error, its paths are relative to ``folder``.

    Raises:
        ConfigError: as of ``load_config``, but for the file.
    """
    given = {key: _from_shell(cls, key, value) for key, value in (overrides or {}).items()}
    text = json.dumps(
        with_overrides(tree, given, source), default=str
    )  # strict JSON takes a list for a tuple
    try:
        return _adapter(cls).validate_json(text, context=folder)
    except ValidationError as error:
        texts = dict.fromkeys(_sentence(cls, problem) for problem in error.errors(include_url=False))
        raise ConfigError(source, list(texts)) from None


def rules(check: Callable[[Any], Iterable[str]]) -> Any:
    """Decorate a method that yields ``key: expected ..., got ...`` for each broken rule between keys.

    The rules of a class are looked at once each of its values is legal by itself.
    """

    def validate(self: Any) -> Any:
        if problems := list(check(self)):
            details = [PydanticCustomError("rule", "{text}", {"text": text}) for text in problems]
            raise ValidationError.from_exception_data(
                "rules", [InitErrorDetails(type=detail, input=None) for detail in details]
            )
        return self

    return model_validator(mode="after")(functools.wraps(check)(validate))


def _beside(path: str, info: Any) -> str:  # pydantic.ValidationInfo, a protocol that beartype cannot check
    folder = info.context
    return os.path.normpath(os.path.join(folder, os.path.expanduser(path))) if folder and path else path


ConfigPath = typing.Annotated[
    str, AfterValidator(_beside), Field(validate_default=True, description="a path")
]
"""A path that a file gives relative to itself and the model holds absolute; empty where there is none."""


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> leaf of a configuration dataclass; a leaf is a scalar, None or a tuple of scalars."""
    leaves: dict[str, Any] = {}
    tree = config if isinstance(config, Mapping) else dataclasses.asdict(config)
    for key, value in tree.items():
        leaves |= (
            flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
        )
    return leaves


def keys(cls: type, prefix: str = "") -> list[str]:
    """The dotted keys of a configuration class down to its leaves; a mapping counts as one."""
    names = []
    for name, field in _fields(cls).items():
        names += keys(_alternatives(field.annotation)[0], f"{prefix}{name}.") or [f"{prefix}{name}"]
    return names


def has_key(cls: type, key: str) -> bool:
    """Whether a configuration of ``cls`` may have the dotted ``key``."""
    try:
        return bool(_field(cls, key.split(".")))
    except KeyError:
        return False


def describe(cls: type, key: str) -> str:
    """What the value of a dotted key may be, in words."""
    return _expected(_field(cls, key.split(".")))


def with_overrides(
    tree: Mapping[str, Any], overrides: Mapping[str, Any], source: str = "overrides"
) -> dict[str, Any]:
    """A copy of ``tree`` in which each dotted key of ``overrides`` has the given value.

    Raises:
        ConfigError: a key goes on below a value that has no keys; ``source`` names the tree.
    """
    out = {
        key: with_overrides(value, {}) if isinstance(value, Mapping) else value for key, value in tree.items()
    }
    for dotted, value in overrides.items():
        node = out
        *parents, leaf = dotted.split(".")
        for depth, parent in enumerate(parents, 1):
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                above = ".".join(parents[:depth])
                raise ConfigError(source, [f"{dotted}: expected keys below {above}, it is {_got(node)}"])
        node[leaf] = value
    return out


def _from_shell(cls: type, key: str, value: Any) -> Any:
    """``value``, absolute where ``key`` is that of a path."""
    metadata = _field(cls, key.split(".")).metadata if has_key(cls, key) else []
    is_path = any(getattr(item, "func", None) is _beside for item in metadata)
    return (
        os.path.abspath(os.path.expanduser(value)) if is_path and value and isinstance(value, str) else value
    )


_adapter = functools.cache(TypeAdapter)


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read ({error.strerror})"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), ["not a text"]) from error
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise ConfigError(str(path), [f"not YAML (line {line})"]) from error
    if not isinstance(tree, Mapping):
        raise ConfigError(str(path), [f"expected keys and values, got {_got(tree)}"])
    return tree


def _sentence(cls: type, error: Any) -> str:
    """An error of pydantic in our words."""
    kind, loc = error["type"], list(error["loc"])
    if kind == "rule":
        return ".".join([*map(str, loc), error["ctx"]["text"]])
    if kind == "unexpected_keyword_argument":
        return f"{_dotted(loc)}: unknown key, {_known(_field(cls, loc[:-1]), loc[-1])}"
    if kind.startswith("missing") and isinstance(loc[-1], int):  # an item of a list
        loc.pop()
    elif kind.startswith("missing"):
        return f"{_dotted(loc)}: missing, expected {_expected(_field(cls, loc))}"
    expected = str(error["ctx"]["error"]) if kind == "value_error" else _expected(_field(cls, loc))
    return f"{_dotted(loc)}: expected {expected}, got {_got(error['input'])}"


def _known(info: FieldInfo, key: str) -> str:
    """The legal keys in the place of the unknown ``key``, the one that was probably meant first."""
    names = [name for name, field in _fields(info.annotation).items() if field.init is not False]
    near = difflib.get_close_matches(key, names, 1)
    guess = f"did you mean {near[0]}? " if near else ""
    return f"{guess}expected one of {', '.join(names)}"


def _dotted(loc: Sequence[str | int]) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in loc)
    return text.removeprefix(".")


def _fields(hint: Any) -> dict[str, FieldInfo]:
    return getattr(hint, "__pydantic_fields__", {})


def _field(cls: type, loc: Sequence[str | int]) -> FieldInfo:
    """The field in the place ``loc``.

    Raises:
        KeyError: there is none.
    """
    info = FieldInfo.from_annotation(cls)
    for key in loc:
        for hint in _alternatives(info.annotation):
            args = typing.get_args(hint)
            if typing.get_origin(hint) is dict:
                info = FieldInfo.from_annotation(args[1])
            elif typing.get_origin(hint) is tuple:
                info = FieldInfo.from_annotation(args[0])
            else:
                info = _fields(hint)[str(key)]
    return info


def _alternatives(hint: Any) -> list[Any]:
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


def _expected(info: FieldInfo) -> str:
    """What a field may hold, in words."""
    origin, args = typing.get_origin(info.annotation), typing.get_args(info.annotation)
    if info.description:
        return info.description
    if origin is typing.Literal:
        return f"one of {', '.join(map(str, args))}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_expected(FieldInfo.from_annotation(arg)) for arg in args)
    if origin is tuple:
        many = "a list" if args[-1] is Ellipsis else f"a list of {len(args)}"
        return f"{many} ({_expected(FieldInfo.from_annotation(args[0]))} each)"
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


def _got(value: Any) -> str:
    if isinstance(value, Mapping):
        return "keys and values"
    return "nothing" if value is None else repr(value)
