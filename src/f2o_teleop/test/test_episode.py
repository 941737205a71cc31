import pytest
from f2o_teleop.episode import TRANSITIONS, Command, State, Verb, advance, parse_command
from f2o_teleop.errors import CommandError


@pytest.mark.parametrize(
    ("state", "verb", "after"),
    [
        (State.READY, Verb.START, State.RECORDING),
        (State.RECORDING, Verb.STOP, State.REVIEW),
        (State.RECORDING, Verb.SUCCESS, State.SAVED),
        (State.RECORDING, Verb.DISCARD, State.DISCARDED),
        (State.REVIEW, Verb.FAILURE, State.SAVED),
        (State.REVIEW, Verb.SAVE, State.SAVED),
        (State.SAVED, Verb.START, State.RECORDING),
        (State.DISCARDED, Verb.START, State.RECORDING),
    ],
)
def test_transitions(state, verb, after):
    assert advance(state, verb) is after


def test_every_state_can_reach_an_end_and_start_again():
    for state in State:
        seen, frontier = set(), {state}
        while frontier:
            seen |= frontier
            frontier = {after for s in frontier for after in TRANSITIONS[s].values()} - seen
        assert {State.RECORDING, State.SAVED, State.DISCARDED} <= seen


@pytest.mark.parametrize(
    ("state", "verb", "text"),
    [
        (State.READY, Verb.STOP, "stop: not possible while ready; expected start"),
        (
            State.RECORDING,
            Verb.START,
            "start: not possible while recording; expected stop, save, success, failure, discard",
        ),
        (
            State.REVIEW,
            Verb.STOP,
            "stop: not possible while review; expected save, success, failure, discard",
        ),
    ],
)
def test_an_impossible_command_says_what_is_possible(state, verb, text):
    with pytest.raises(CommandError) as raised:
        advance(state, verb)
    assert str(raised.value) == text


def test_commands_carry_labels():
    assert parse_command("start") == Command(Verb.START, {})
    labels = parse_command(' success {"seed": 12, "strategy": "left", "ok": true}').labels
    assert labels == {"seed": "12", "strategy": "left", "ok": "true"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("go", "'go': unknown episode command; expected start, stop, save, discard, success, failure"),
        ("", "'': unknown episode command; expected start, stop, save, discard, success, failure"),
        ("save {", "save: labels: expected a JSON object, got '{'"),
        ("save 7", "save: labels: expected a JSON object, got '7'"),
    ],
)
def test_wrong_commands_are_explained(text, message):
    with pytest.raises(CommandError) as raised:
        parse_command(text)
    assert str(raised.value) == message
