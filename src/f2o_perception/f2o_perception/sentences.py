"""How far streams are from each other, in words: what the status says where a frame gives no Observation."""

from __future__ import annotations

from f2o_nodekit.stamps import NS_PER_S

DAY_S = 86_400


def span(ns: float | int) -> str:
    """A length of time without its sign, in the unit that reads best."""
    seconds = abs(ns) / NS_PER_S
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    return (
        f"{seconds:.3g} s"
        if seconds < 1000
        else f"{seconds / DAY_S:.{0 if seconds > 9 * DAY_S else 1}f} days"
    )


def behind(who: str, other: str, by_ns: float | int, limit_ns: float | int) -> str:
    """``who`` ("joints are", "front is") comes too late to be joined with ``other``."""
    return f"{who} {span(by_ns)} behind {other}; {span(limit_ns)} is the most"


def ahead(source: str, by_ns: float | int, limit_ns: float | int) -> str:
    """The stamps of ``source`` cannot be of the clock that the others have."""
    size = f"{span(by_ns)} ahead of their arrival; {span(limit_ns)} is the most"
    return f"stamps of {source} are {size}: the clock that stamps them is not the other streams'"


def offset(ahead_ns: float | int) -> str:
    """Where a stamp lies beside the arrival of its message, from stamp minus arrival."""
    return f"{span(ahead_ns)} {side(ahead_ns)} their arrival"


def side(ahead_ns: float | int) -> str:
    """On which side of the arrival."""
    return "ahead of" if ahead_ns > 0 else "before"
