"""What is measured, one folder per question: ``python -m benchmarks.<question>`` from the repository root.

Not installed, and imported by no package. ``benchmarks/results`` keeps what these commands wrote.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
