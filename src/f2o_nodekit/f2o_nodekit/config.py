"""YAML files read into frozen dataclasses, with every mistake reported at once.

The dataclass is the only place that knows the keys, types, defaults and rules of a configuration; the YAML file,
the ROS parameters and the command line are three ways to fill it.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from f2o_nodekit.errors import F2oError

C = TypeVar("C")


class ConfigError(F2oError):
    """A configuration that cannot be used; the text names the file and every wrong key."""

    def __init__(self, source: str, problems: list[str]) -> None:
        count = f"{len(problems)} error{'s' if len(problems) > 1 else ''}"
        super().__init__(f"{source}: {count}: " + "; ".join(problems))
        self.problems = problems


def load_config(cls: type[C], path: str | Path, overrides: Mapping[str, Any] | None = None) -> C:
    """Read ``path`` into ``cls``; ``overrides`` maps dotted keys to values that replace the file's.

    Raises:
        ConfigError: no such file, not YAML, unknown or missing keys, wrong types, or a rule of a ``check`` method.
    """
    return build_config(cls, _read_yaml(Path(path)), str(path), overrides)


def build_config(
    cls: type[C], tree: Mapping[str, Any], source: str, overrides: Mapping[str, Any] | None = None
) -> C:
    """As ``load_config`` from a mapping; ``source`` names it in the error."""
    problems: list[str] = []
    config = _dataclass(cls, with_overrides(tree, overrides or {}, source), "", problems)
    if not problems:
        problems = check_tree(config)
    if problems:
        raise ConfigError(source, problems)
    return config


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> leaf of a configuration dataclass; a leaf is a scalar, None or a tuple of scalars."""
    leaves: dict[str, Any] = {}
    for key, value in _children(config):
        name = f"{prefix}{key}"
        if dataclasses.is_dataclass(value) or isinstance(value, Mapping):
            leaves.update(flatten(value, f"{name}."))
        else:
            leaves[name] = value
    return leaves


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
                raise ConfigError(source, [f"{dotted}: expected keys below {above}, it is {_kind(node)}"])
        node[leaf] = value
    return out


def check_tree(config: Any, prefix: str = "") -> list[str]:
    """Messages of the ``check`` methods of a configuration and of everything in it."""
    problems = [prefix + message for message in getattr(config, "check", list)()]
    for key, value in _children(config):
        if dataclasses.is_dataclass(value) or isinstance(value, Mapping):
            problems += check_tree(value, f"{prefix}{key}.")
    return problems


def _children(config: Any) -> list[tuple[str, Any]]:
    if isinstance(config, Mapping):
        return list(config.items())
    return [(f.name, getattr(config, f.name)) for f in dataclasses.fields(config)]


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read ({error.strerror})"]) from error
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise ConfigError(str(path), [f"not YAML (line {line})"]) from error
    if not isinstance(tree, Mapping):
        raise ConfigError(str(path), [f"expected keys and values, got {_kind(tree)}"])
    return tree


def _dataclass(cls: type[C], tree: Mapping[str, Any], prefix: str, problems: list[str]) -> C | None:
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    problems += [
        f"{prefix}{key}: unknown key, expected one of {', '.join(fields)}"
        for key in tree
        if key not in fields
    ]
    values = {}
    for name, field in fields.items():
        if name in tree:
            values[name] = _value(hints[name], tree[name], prefix + name, problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            problems.append(f"{prefix}{name}: missing, expected {_describe(hints[name])}")
    return None if problems else cls(**values)


def _value(hint: Any, value: Any, key: str, problems: list[str]) -> Any:
    """``value`` as the type ``hint`` asks for; appends to ``problems`` where it is something else."""
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _dataclass(hint, value, f"{key}.", problems)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [arg for arg in args if arg is not type(None)]
        return None if value is None and len(inner) < len(args) else _value(inner[0], value, key, problems)
    if origin is dict and isinstance(value, Mapping):
        return {name: _value(args[1], item, f"{key}.{name}", problems) for name, item in value.items()}
    if origin is tuple and isinstance(value, list | tuple):
        return _tuple(hint, args, value, key, problems)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and not dataclasses.is_dataclass(hint) and type(value) is hint:
        return value
    problems.append(f"{key}: expected {_describe(hint)}, got {_kind(value)}")
    return None


def _tuple(hint: Any, args: tuple[Any, ...], value: Any, key: str, problems: list[str]) -> tuple[Any, ...]:
    if args[-1] is not Ellipsis and len(args) != len(value):
        problems.append(f"{key}: expected {_describe(hint)}, got {len(value)} items")
        return ()
    hints = [args[0]] * len(value) if args[-1] is Ellipsis else args
    return tuple(
        _value(h, v, f"{key}[{i}]", problems) for i, (h, v) in enumerate(zip(hints, value, strict=True))
    )


_NAMES = {float: "a number", int: "an integer", str: "a text", bool: "true or false", type(None): "nothing"}


def _describe(hint: Any) -> str:
    """A type hint in words."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(arg) for arg in args)
    if origin is tuple:
        many = "a list" if args[-1] is Ellipsis else f"a list of {len(args)}"
        return f"{many} ({_describe(args[0])} each)"
    if origin is dict or dataclasses.is_dataclass(hint):
        return "keys and values"
    return _NAMES.get(hint, str(hint))


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "keys and values"
    return "nothing" if value is None else repr(value)
