"""``f2o data-select``: data sets joined, filtered, split and labelled, episode by episode, bit for bit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from f2o_policy.data.arm import SAME_TOOL_M, tools_apart_m
from f2o_policy.data.layout import COMMAND_ARRAYS, DTYPES
from f2o_policy.data.store import Dataset, DatasetWriter, Episode
from f2o_policy.errors import DatasetError

FIXED = ("source",)  # keys of an episode's meta that say what it is, and not how it is judged


@dataclass(frozen=True)
class Selection:
    """Which episodes, and what is written on them.

    Attributes:
        where: values that the meta must have, by key; several values of a key are alternatives.
        drop: episodes to leave out: their source, or their number where there is one data set.
        label: keys of the meta to set; an empty value takes the key away.
        by: key by whose value the episodes go into folders of their own; "" for one data set.
    """

    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    drop: Sequence[str] = ()
    label: Mapping[str, str] = field(default_factory=dict)
    by: str = ""


def select(data: Sequence[Path], out: Path, selection: Selection) -> dict[Path, int]:
    """Append the selected episodes of ``data`` to ``out``; returns how many each data set holds then.

    An episode whose source the data set holds already is not added again: a command that was stopped can be repeated.

    Raises:
        DatasetError: a data set is damaged or of another layout, no episode is selected, or one is to be dropped that
            there is not.
    """
    sources = [Dataset(path, verify=True) for path in data]
    _refuse_unknown(sources, selection)
    _refuse_others(sources)
    chosen = [(s, e) for s in sources for e in s.episodes if _is_selected(e, selection)]
    if not chosen:
        raise DatasetError(data[0], f"no episode is left of {sum(len(s.episodes) for s in sources)}")
    folders = [out / _folder(e, selection.by) if selection.by else out for _, e in chosen]
    if inside := [s.path for s in sources for f in folders if f.resolve() == s.path.resolve()]:
        raise DatasetError(inside[0], "is read and written at once; give --out another folder")
    held = {}
    with tqdm(total=len(chosen), unit="episode", desc="select") as bar:
        for folder in dict.fromkeys(folders):
            part = [each for each, place in zip(chosen, folders, strict=True) if place == folder]
            held[folder] = _write(folder, part, selection.label, bar)
    return held


def _refuse_unknown(sources: Sequence[Dataset], selection: Selection) -> None:
    """Keys and episodes that no data set has are mistakes of typing."""
    path, episodes = sources[0].path, [e for s in sources for e in s.episodes]
    keys = sorted({key for e in episodes for key in e.meta})
    asked = [*selection.where, *([selection.by] if selection.by else [])]
    if unknown := [key for key in asked if key not in keys]:
        raise DatasetError(path, f"no episode has {', '.join(unknown)}; expected one of {', '.join(keys)}")
    if fixed := [key for key in selection.label if key in FIXED]:
        raise DatasetError(path, f"{', '.join(fixed)} says which recording an episode is, and is no label")
    if len(sources) > 1 and (numbers := [drop for drop in selection.drop if drop.isdecimal()]):
        raise DatasetError(path, f"episode {numbers[0]} of which data set? Of several, give the source")
    names = {name for e in episodes for name in _names(e)}
    if missing := [drop for drop in selection.drop if drop not in names]:
        raise DatasetError(path, f"there is no episode {', '.join(missing)} to drop")


def _refuse_others(sources: Sequence[Dataset]) -> None:
    """Data sets of another arm, or without an input that the first has, do not belong together."""
    first = sources[0]
    for other in sources[1:]:
        if (away := tools_apart_m(other.tool_m, first.tool_m)) > SAME_TOOL_M:
            raise DatasetError(
                other.path, f"is of another arm: the tool is {1e3 * away:.0f} mm from that of {first.path}"
            )
        if other.lacks != first.lacks:
            told = " and ".join(f"{s.path} lacks {', '.join(s.lacks) or 'nothing'}" for s in (other, first))
            raise DatasetError(other.path, f"does not fit: {told}")


def _names(episode: Episode) -> tuple[str, ...]:
    """What an episode may be called."""
    return (str(episode.index), str(episode.meta.get("source", "")))


def _is_selected(episode: Episode, selection: Selection) -> bool:
    if set(_names(episode)) & set(selection.drop):
        return False
    return all(_text(episode.meta.get(key)) in values for key, values in selection.where.items())


def _text(value: Any) -> str:
    """As a person writes it: true and not True; nothing for a key that is missing."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _folder(episode: Episode, by: str) -> str:
    """The name of the folder of an episode's value of ``by``."""
    return re.sub(r"[^\w.-]+", "_", _text(episode.meta.get(by))).strip("._") or "unnamed"


def _write(out: Path, chosen: list[tuple[Dataset, Episode]], label: Mapping[str, str], bar: Any) -> int:
    """Append ``chosen`` to the data set ``out``; returns how many episodes it holds then."""
    first = chosen[0][0]
    with DatasetWriter(out, first.tool_m, first.lacks) as writer:
        for source, episode in chosen:
            meta = {key: value for key, value in (episode.meta | dict(label)).items() if value != ""}
            if meta.get("source") not in writer.sources:
                writer.add_rows(_rows(source, episode), source.view_names, source.joint_names, meta)
            bar.update()
        return len(writer)


def _rows(source: Dataset, episode: Episode) -> dict[str, Any]:
    seen, sent = slice(*episode.observations), slice(*episode.commands)
    return {name: source[name][sent if name in COMMAND_ARRAYS else seen] for name in DTYPES}
