"""Copy trained runs into checkpoints/: weights as float16, beside them what made them.

    python scripts/publish_checkpoints.py runs checkpoints/reach_around

``runs`` holds the folders ``teacher``, ``student`` and ``mse`` as ``f2o train`` and ``f2o distill`` leave them.
"""

import shutil
import sys
from pathlib import Path

from f2o_policy.checkpoint import load_checkpoint, save_checkpoint
from f2o_policy.plain_values import FILE_NAME


def main() -> None:
    """Publish every run that is there."""
    runs, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in ("teacher", "student", "mse"):
        run = runs / name
        if not (run / FILE_NAME).exists():
            continue
        save_checkpoint(out / f"{name}.pt", load_checkpoint(run), half=True)
        for path in (*run.glob("*.png"), run / "summary.json", run / "config.json"):
            shutil.copyfile(path, out / f"{name}_{path.name}")
        print(f"{out / name}.pt: {(out / f'{name}.pt').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
