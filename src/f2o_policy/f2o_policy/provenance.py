"""The hash of the code that made a run, a set or a report."""

from __future__ import annotations

from f2o_nodekit.provenance import code_sha256

PACKAGES = ("f2o_nodekit", "f2o_policy")  # what trained weights, sets and held-out numbers depend on


def learning_code() -> str:
    """SHA-256 of the packages that a trained policy depends on."""
    return code_sha256(PACKAGES)
