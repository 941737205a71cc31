"""What scripts/setup.sh asks pip for, and what it refuses before it does anything."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[3]
(TORCH,) = re.findall(r"^torch==(\S+)$", (HOUSE / "requirements/core.txt").read_text(), re.MULTILINE)


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], env=os.environ | environment, capture_output=True, text=True
    )


def wheel(folder: Path, version: str) -> None:
    """A wheel of torch with nothing in it."""
    about = f"torch-{version}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        archive.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{about}/RECORD", "")


def chosen(folder: Path, choice: str) -> str | None:
    """The version of torch that pip takes from a folder, beside requirements/core.txt's own line; None for none."""
    requirement = run(HOUSE / "scripts/torch_requirement.sh", choice).stdout.strip()
    report = folder / "report.json"
    command = ("install", "--dry-run", "--ignore-installed", "--no-index", "--find-links", folder)
    options = ("--quiet", "--disable-pip-version-check", "--report", report)
    # without the machine's settings of pip, which may add links and constraints
    out = run(
        *(sys.executable, "-m", "pip", *command, *options, f"torch=={TORCH}", requirement),
        **{"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""},
    )
    if out.returncode:
        assert re.search("No matching distribution found|ResolutionImpossible", out.stderr)
        return None
    (found,) = json.loads(report.read_text())["install"]
    return found["metadata"]["version"]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder with both builds of the pinned torch, and a newer one."""
    for version in (TORCH, f"{TORCH}+cpu", "99.0"):
        wheel(tmp_path, version)
    return tmp_path


def test_cpu_and_cuda_are_different_builds_of_the_pinned_torch(index: Path) -> None:
    assert chosen(index, "cpu") == f"{TORCH}+cpu"
    assert chosen(index, "cuda") == TORCH


def test_without_a_choice_either_build_of_the_pinned_torch_will_do(index: Path) -> None:
    assert chosen(index, "") == f"{TORCH}+cpu"
    (index / f"torch-{TORCH}+cpu-py3-none-any.whl").unlink()
    assert chosen(index, "") == TORCH


@pytest.mark.parametrize(("choice", "other"), [("cpu", TORCH), ("cuda", f"{TORCH}+cpu")])
def test_the_other_build_is_not_taken_instead(tmp_path: Path, choice: str, other: str) -> None:
    wheel(tmp_path, other)
    assert chosen(tmp_path, choice) is None


@pytest.mark.parametrize("value", ["gpu", "CPU", "2.13.0"])
def test_set_up_refuses_any_other_torch(value: str) -> None:
    out = run(HOUSE / "scripts/setup.sh", F2O_TORCH=value)
    assert out.returncode == 2
    assert out.stderr == (
        f"setup: F2O_TORCH is '{value}': expected cpu or cuda, or nothing for whichever build pip finds first.\n"
    )
    assert out.stdout == ""
