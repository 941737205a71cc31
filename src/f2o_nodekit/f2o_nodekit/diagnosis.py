"""The diagnosis that a part of a node reports on /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping

Diagnosis = tuple[int, str, Mapping[str, float | int | str]]  # level 0 OK, 1 WARN, 2 ERROR; message; values
