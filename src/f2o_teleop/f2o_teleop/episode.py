"""The life of one episode: which command is possible when, and what it leads to. No clock, no file, no ROS."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from f2o_teleop.errors import CommandError


class State(str, Enum):
    """State of the recorder, as published on /f2o/episode/state."""

    READY = "ready"
    RECORDING = "recording"
    REVIEW = "review"  # recorded and closed, not yet saved or discarded
    SAVED = "saved"
    DISCARDED = "discarded"


class Verb(str, Enum):
    """Commands on /f2o/episode/command."""

    START = "start"
    STOP = "stop"
    SAVE = "save"
    DISCARD = "discard"
    SUCCESS = "success"  # save, labelled as a success
    FAILURE = "failure"  # save, labelled as a failure


_FROM_REST = {Verb.START: State.RECORDING}
_TO_AN_END = {
    Verb.SAVE: State.SAVED,
    Verb.SUCCESS: State.SAVED,
    Verb.FAILURE: State.SAVED,
    Verb.DISCARD: State.DISCARDED,
}
TRANSITIONS: dict[State, dict[Verb, State]] = {
    State.READY: _FROM_REST,
    State.RECORDING: {Verb.STOP: State.REVIEW, **_TO_AN_END},
    State.REVIEW: _TO_AN_END,
    State.SAVED: _FROM_REST,
    State.DISCARDED: _FROM_REST,
}
SUCCESS_LABEL = {Verb.SUCCESS: "true", Verb.FAILURE: "false"}


@dataclass(frozen=True)
class Command:
    """One command: its verb, and labels that go into the bag (seed, strategy, note, ...)."""

    verb: Verb
    labels: dict[str, str] = field(default_factory=dict)


def parse_command(text: str) -> Command:
    """A command from its text: a verb, optionally followed by a JSON object of labels.

    `start`, `success {"seed": 12, "strategy": "left"}`

    Raises:
        CommandError: unknown verb, or the labels are not a JSON object.
    """
    word, _, rest = text.strip().partition(" ")
    try:
        verb = Verb(word)
    except ValueError:
        raise CommandError(f"{word!r}: unknown episode command; expected {_listed(Verb)}") from None
    try:
        labels = json.loads(rest) if rest.strip() else {}
    except json.JSONDecodeError:
        labels = None
    if not isinstance(labels, dict):
        raise CommandError(f"{word}: labels: expected a JSON object, got {rest.strip()!r}")
    return Command(verb, {str(key): _text(value) for key, value in labels.items()})


def advance(state: State, verb: Verb) -> State:
    """The state that `verb` leads to.

    Raises:
        CommandError: not possible in this state; the text names the possible verbs.
    """
    possible = TRANSITIONS[state]
    if verb not in possible:
        raise CommandError(f"{verb.value}: not possible while {state.value}; expected {_listed(possible)}")
    return possible[verb]


def _listed(verbs: Iterable[Verb]) -> str:
    return ", ".join(verb.value for verb in verbs)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
