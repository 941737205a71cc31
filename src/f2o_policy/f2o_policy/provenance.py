"""Of which code a run, a set and a report are."""

from __future__ import annotations

from f2o_nodekit.provenance import code_sha256

PACKAGES = ("f2o_nodekit", "f2o_policy")  # what trained weights, sets and held-out numbers depend on


def learning_code() -> str:
    """SHA-256 of the code that learns."""
    return code_sha256(PACKAGES)
