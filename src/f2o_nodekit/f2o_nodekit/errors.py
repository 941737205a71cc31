"""The root of every error a user of f2o can cause or meet."""

from __future__ import annotations

from typing import Any


class F2oError(Exception):
    """A mistake or failure that one sentence explains: what, where, and what was expected.

    Each package derives its own base from this one. The command line and the nodes print the
    text alone and exit with status 2; anything that is not an ``F2oError`` is a bug and shows its traceback.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by args and state, for worker processes: constructors do not take the finished sentence."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[F2oError], args: tuple[Any, ...], state: dict[str, Any]) -> F2oError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
