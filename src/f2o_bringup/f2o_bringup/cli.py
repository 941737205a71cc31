"""``f2o``: the whole pipeline from a shell, bags to deployment; every package adds its own commands.

Every mistake of the user is one sentence on stderr and exit status 2; a run says where its result is.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import entry_points

from f2o_nodekit.entry import restore_interrupt
from f2o_nodekit.errors import F2oError

STOPPED = 130  # exit status after Ctrl-C, as shells have it
COMMANDS = "f2o.commands"
"""Entry points of commands: each is called with the subparsers and adds its own. Importing such a
module must be cheap; what a command needs it imports when it runs."""


def main(argv: list[str] | None = None) -> None:
    """Entry point of the ``f2o`` command; exits with 0, 2 (a mistake) or 130 (stopped, resumable)."""
    restore_interrupt()
    arguments = parser().parse_args(argv)
    # Before torch is imported: threads that wait sleep. Spinning ones halve the speed where another process computes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        sys.exit(arguments.run(arguments))
    except F2oError as error:
        print(f"f2o {arguments.command}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"f2o {arguments.command}: interrupted", file=sys.stderr)
        sys.exit(STOPPED)
    except BrokenPipeError:  # `f2o ... | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="f2o", description="Demonstrations to a 125 Hz one-step policy.")
    commands = root.add_subparsers(dest="command", required=True)

    for found in sorted(entry_points(group=COMMANDS), key=lambda e: e.name):
        found.load()(commands)
    return root


if __name__ == "__main__":
    main()
