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
import functools
import json
import os
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from f2o_nodekit.config_words import alternatives, expected, field_at, fields, got, sentence
from f2o_nodekit.errors import F2oError

C = TypeVar("C")
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, validate_default=True)
"""Of every configuration class: no unknown keys, no NaN/Inf, no text that looks like a number."""


class ConfigError(F2oError):
    """A configuration that cannot be used; the text names the file and every wrong key."""

    def __init__(self, source: str, problems: list[str]) -> None:
        count = f"{len(problems)} error{'s' if len(problems) > 1 else ''}"
        super().__init__(f"{source}: {count}: " + "; ".join(problems))
        self.source, self.problems = source, problems


@dataclasses.dataclass(frozen=True)
class Place:
    """What values of a configuration are relative to: paths to a folder, names of topics to a namespace."""

    folder: Path | None = None
    namespace: str = ""


def load_config(
    cls: type[C], path: str | Path, overrides: Mapping[str, Any] | None = None, namespace: str = ""
) -> C:
    """Read ``path`` into ``cls``; ``overrides`` maps dotted keys to values that replace the file's.

    A path in the file is relative to the file's folder, a path among ``overrides`` to the working folder. Names of
    topics that do not begin with / are those of ``namespace`` (/left; "" for none).

    Raises:
        ConfigError: no such file, not YAML, unknown or missing keys, wrong types, values out of range, or a rule.
    """
    place = Place(Path(path).absolute().parent, namespace)
    return build_config(cls, read_yaml(Path(path)), str(path), overrides, place)


def build_config(
    cls: type[C],
    tree: Mapping[str, Any],
    source: str,
    overrides: Mapping[str, Any] | None = None,
    place: Place = Place(),
) -> C:
    """As ``load_config`` from a mapping; ``source`` names it in the error, its values are relative to ``place``.

    Raises:
        ConfigError: as of ``load_config``, but for the file.
    """
    given = {key: _from_shell(cls, key, value) for key, value in (overrides or {}).items()}
    whole = _with_sections(cls, with_overrides(tree, given, source))
    text = json.dumps(whole, default=str)  # in JSON a list is a tuple
    try:
        return _adapter(cls).validate_json(text, context=place)
    except ValidationError as error:
        texts = dict.fromkeys(sentence(cls, problem) for problem in error.errors(include_url=False))
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
    folder = info.context and info.context.folder
    return os.path.normpath(os.path.join(folder, os.path.expanduser(path))) if folder and path else path


@dataclasses.dataclass(frozen=True)
class ShellPath:
    """Marks a type of which values are paths: those that a shell gives are relative to its working folder."""

    is_path: Callable[[str], bool]


ConfigPath = typing.Annotated[str, AfterValidator(_beside), ShellPath(bool), Field(description="a path")]
"""A path that a file gives relative to itself and the model holds absolute; empty where there is none."""


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> leaf of a configuration dataclass; a leaf is a scalar, None or a tuple of scalars."""
    leaves: dict[str, Any] = {}
    for key, value in (config if isinstance(config, Mapping) else dataclasses.asdict(config)).items():
        name = f"{prefix}{key}"
        leaves |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return leaves


def keys(cls: Any, prefix: str = "") -> list[str]:
    """The dotted keys of a configuration class down to its leaves; a mapping counts as one."""
    names = []
    for name, field in fields(cls).items():
        names += keys(alternatives(field.annotation)[0], f"{prefix}{name}.") or [f"{prefix}{name}"]
    return names


def has_key(cls: type, key: str) -> bool:
    """Whether a configuration of ``cls`` may have the dotted ``key``."""
    try:
        return bool(field_at(cls, key.split(".")))
    except KeyError:
        return False


def describe(cls: type, key: str) -> str:
    """What the value of a dotted key may be, in words."""
    return expected(field_at(cls, key.split(".")))


def with_overrides(
    tree: Mapping[str, Any], overrides: Mapping[str, Any], source: str = "overrides"
) -> dict[str, Any]:
    """A copy of ``tree`` in which each dotted key of ``overrides`` has the given value.

    Raises:
        ConfigError: a key goes on below a value that has no keys; ``source`` names the tree.
    """
    out = {
        str(key): with_overrides(value, {}) if isinstance(value, Mapping) else value
        for key, value in tree.items()
    }
    for dotted, value in overrides.items():
        node = out
        *parents, leaf = dotted.split(".")
        for depth, parent in enumerate(parents, 1):
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                above = ".".join(parents[:depth])
                raise ConfigError(source, [f"{dotted}: expected keys below {above}, it is {got(node)}"])
        node[leaf] = value
    return out


def _with_sections(cls: Any, tree: Mapping[str, Any]) -> dict[str, Any]:
    """``tree`` with the sections that it leaves out, empty: their defaults, too, are relative to the place."""
    whole = dict(tree)
    for name, field in fields(cls).items():
        if field.default_factory is field.annotation and isinstance(section := whole.get(name, {}), dict):
            whole[name] = _with_sections(field.annotation, section)
    return whole


def _from_shell(cls: type, key: str, value: Any) -> Any:
    """``value``, absolute where ``key`` is that of a path."""
    metadata = field_at(cls, key.split(".")).metadata if has_key(cls, key) else []
    judges = [item.is_path for item in metadata if isinstance(item, ShellPath)]
    if isinstance(value, str) and any(is_path(value) for is_path in judges):
        return os.path.abspath(os.path.expanduser(value))
    return value


_adapter = functools.cache(TypeAdapter)


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Keys and values of a YAML file.

    Raises:
        ConfigError: no such file, not YAML, or not keys and values.
    """
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
        raise ConfigError(str(path), [f"expected keys and values, got {got(tree)}"])
    return tree
