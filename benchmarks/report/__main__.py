"""``python -m benchmarks.report``: the tables of docs/results.md, made from benchmarks/results/*.json.

Replaces what lies between ``<!-- table NAME -->`` and ``<!-- end NAME -->``; the text around is written by hand.
With ``--check`` nothing is written: 1, and the names of the tables that are out of date.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import RESULTS, ROOT
from benchmarks.report.markdown import BLOCK, blocks, replace_blocks
from benchmarks.report.tables import TABLES, render

DOCUMENT = ROOT / "docs" / "results.md"


def main() -> int:
    """Write or check; 2 with one sentence where a table or a file is unknown."""
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say which tables are out of date")
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    text = arguments.document.read_text()
    names = blocks(text)
    if unknown := [name for name in names if name not in TABLES]:
        print(f"report: table {unknown[0]}: expected one of {', '.join(TABLES)}", file=sys.stderr)
        return 2
    try:
        made = {name: make(name, arguments.results) for name in names}
    except OSError as error:
        print(f"report: {error.filename}: cannot be read ({error.strerror})", file=sys.stderr)
        return 2
    stale = [match["name"] for match in BLOCK.finditer(text) if match["content"] != made[match["name"]]]
    if arguments.check:
        print(f"out of date: {', '.join(stale)}; run python -m benchmarks.report" if stale else "up to date")
        return 1 if stale else 0
    arguments.document.write_text(replace_blocks(text, made))
    print(f"{arguments.document}: {len(stale)} of {len(names)} tables changed")
    return 0


def make(name: str, results: Path) -> str:
    """Table ``name`` from its file below ``results``.

    Raises:
        OSError: there is no such file.
    """
    return render(name, json.loads((results / f"{TABLES[name][0]}.json").read_text()))


if __name__ == "__main__":
    sys.exit(main())
