"""What a public forge reads: workflow, forms, citation, hooks. Each command in them is one that exists."""

import re
from pathlib import Path

import yaml
from f2o_bringup.cli import parser

ROOT = Path(__file__).resolve().parents[3]


def tree(name):
    return yaml.safe_load((ROOT / name).read_text())


def targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_workflow_makes_targets_that_exist_on_distributions_that_are_tested():
    job = tree(".github/workflows/test.yml")["jobs"]["test"]
    rows = job["strategy"]["matrix"]["include"]
    constraints = {path.stem.split("_")[1] for path in (ROOT / "requirements").glob("constraints_*.txt")}
    assert {row["distro"] for row in rows} == constraints
    runs = [step["run"] for step in job["steps"] if step.get("run", "").startswith("make ")]
    made = {run.split()[1] for run in runs if "$" not in run} | {row["target"] for row in rows}
    assert {"setup", "lint", "test", "test-ros", "demo"} <= made <= targets()


def test_the_hooks_do_what_make_lint_does():
    lint = re.search(r"^lint:.*\n\t(.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    (repository,) = tree(".pre-commit-config.yaml")["repos"]
    entries = {hook["id"]: hook["entry"] for hook in repository["hooks"]}
    assert "ruff check ." in lint and entries["ruff"].startswith("ruff check")
    assert "ruff format --check ." in lint and {"ruff", "format", "--check"} <= set(
        entries["ruff-format"].split()
    )
    assert entries["types"] in lint and (ROOT / entries["types"]).is_file()
    assert (ROOT / entries["documents"].split()[-1]).is_file()


def test_forms_ask_for_commands_that_exist():
    commands = next(a.choices for a in parser()._actions if a.dest == "command")
    for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")):
        named = set(re.findall(r"`f2o ([a-z-]+)", path.read_text()))
        assert named <= set(commands), path
    fields = [part["id"] for part in tree(".github/ISSUE_TEMPLATE/bug.yml")["body"] if "id" in part]
    assert fields == ["did", "happened", "doctor", "arm", "commit"]


def test_the_arms_of_the_form_are_those_of_the_configuration():
    (arm,) = (p for p in tree(".github/ISSUE_TEMPLATE/bug.yml")["body"] if p.get("id") == "arm")
    known = {path.stem for path in (ROOT / "config/robots").glob("*.yaml")}
    assert set(arm["attributes"]["options"]) == known | {"simulation", "other"}


def test_the_citation_names_the_licence_and_the_paper():
    citation = tree("CITATION.cff")
    assert citation["cff-version"] == "1.2.0" and citation["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    paper = citation["preferred-citation"]
    assert paper["title"].startswith("From Flow to One Step: ") and len(paper["authors"]) == 10
