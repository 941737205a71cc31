"""What the documents name exists: pages, files, commands, options, launch arguments, configuration keys, topics."""

import argparse
import re
import shlex
import textwrap
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from f2o_bringup.cli import parser
from f2o_bringup.graph import GRAPHS

ROOT = Path(__file__).resolve().parents[3]
FILES = {"pt", "yaml", "md", "py", "json", "npz", "xml"}
FOLDERS = ("docs", "src", "config", "docker", "checkpoints", "benchmarks")
FOUND = [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
HIDDEN = re.compile(r"(^|/)\.")  # caches of tools bring pages of their own
PAGES = sorted(page for page in FOUND if not HIDDEN.search(str(page.relative_to(ROOT))))
HOSTS = {"rerun.io", "github.com", "keepachangelog.com", "semver.org", "arxiv.org", "www.apache.org"}
OTHERS_KEYS = {"config", "use_sim_time", "KEY"}  # ROS parameters that every node has, and a placeholder

page_of = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
MANUAL = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which names what is gone
manual_page = pytest.mark.parametrize("page", MANUAL, ids=[str(page.relative_to(ROOT)) for page in MANUAL])


def without_code(text: str) -> str:
    return re.sub(
        r"`[^`\n]*`", "", "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    )


def snippets(page: Path) -> Iterator[str]:
    """Lines of code blocks, continued ones joined and comments cut, and what stands in backticks."""
    text = page.read_text()
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.startswith("    "):
            yield re.split(r"\s#\s", line.strip())[0].strip()
        else:
            yield from re.findall(r"`([^`\n]+)`", line)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


@page_of
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page}: {target} does not exist"
        assert not anchor or anchor in anchors(linked), f"{page}: {target}: no such heading"


@page_of
def test_no_path_of_a_machine_and_no_foreign_host(page):
    text = page.read_text()
    assert not re.findall(r"/(?:work|root|home|tmp)/\w+", text)
    assert {host for host in re.findall(r"https?://([^/\s)>\"]+)", text)} <= HOSTS


def exists_in_the_workspace(path: str) -> bool:
    """From the top, from inside a package, or an interface of ROS."""
    package, _, name = path.partition("/")
    places = (ROOT / path, ROOT / "src" / package / path)
    interfaces = (ROOT / "src" / package / kind / f"{name}.{kind}" for kind in ("msg", "srv"))
    return any(place.exists() for place in (*places, *interfaces))


@manual_page
def test_files_that_are_named_exist(page):
    pattern = re.compile(
        r"(?:config|docs|src|scripts|requirements|benchmarks|launch|checkpoints|f2o_\w+)/[\w./]*\w"
    )
    for code in snippets(page):
        for path in pattern.findall(code) if re.fullmatch(pattern, code) else ():
            assert exists_in_the_workspace(path), f"{page}: {path} does not exist"


PACKAGE_PAGES = [page for page in PAGES if page.parent.parent == ROOT / "src"]


def test_every_package_has_a_page():
    assert {page.parent for page in PACKAGE_PAGES} == {
        path.parent for path in (ROOT / "src").glob("*/package.xml")
    }


@pytest.mark.parametrize("page", PACKAGE_PAGES, ids=[page.parent.name for page in PACKAGE_PAGES])
def test_modules_of_a_package_page_exist(page):
    package = page.parent / page.parent.name
    for name in snippets(page):
        if re.fullmatch(r"\w+\.py|[\w/]+/", name) and not (ROOT / name).exists():
            assert (package / name).exists(), f"{page}: {name} does not exist"


@cache
def commands() -> dict[str, argparse.ArgumentParser]:
    """By name, `bag check` included."""

    def walk(node: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
        yield name, node
        for action in node._actions:
            if isinstance(action, argparse._SubParsersAction):
                for word, child in action.choices.items():
                    yield from walk(child, f"{name} {word}".strip())

    return dict(walk(parser(), ""))


@manual_page
def test_commands_and_their_options_exist(page):
    for code in snippets(page):
        if not (match := re.match(r"(?:f2o|torchrun .*--no-python f2o) ([a-z].*)", code)):
            continue
        words = shlex.split(match[1].split("|")[0].split(">")[0].replace("...", ""), comments=True)
        name = next((n for n in (" ".join(words[:2]), words[0]) if n in commands()), None)
        assert name is not None, f"{page}: {code}: no such command"
        known = {option for action in commands()[name]._actions for option in action.option_strings}
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        assert options <= known, f"{page}: {code}: no option {', '.join(sorted(options - known))}"


@manual_page
def test_launch_arguments_exist(page):
    every = {argument.name for graph in GRAPHS.values() for argument in graph.arguments}
    for code in snippets(page):
        launched = re.search(r"(?:f2o-launch |f2o_\w+ +)(deploy|record|replay|rt)\b", code)
        if launched:
            assert launched[1] in GRAPHS, f"{page}: {code}: no such graph"
            assert (ROOT / "launch" / f"{launched[1]}.launch.py").exists()
        known = {a.name for a in GRAPHS[launched[1]].arguments} if launched else every
        given = set(re.findall(r"(?<![\w.-])(?<!-p )([a-z]\w*):=", code))
        assert given <= known, f"{page}: {code}: no such launch argument"


@manual_page
def test_targets_modules_and_nodes_exist(page):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for code in snippets(page):
        if match := re.match(r"(?:[A-Z]+=\S+ )*make ([a-z-]+)$", code):
            assert match[1] in targets, f"{page}: {code}: no such target"
        if match := re.match(r"python -m (benchmarks[\w.]*)", code):
            path = ROOT / match[1].replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page}: {code}"
        if match := re.match(r"ros2 run (f2o_\w+) ([\w-]+)", code):
            assert f"{match[2]} = " in (ROOT / "src" / match[1] / "setup.py").read_text(), f"{page}: {code}"


def leaves(tree: object, path: str = "") -> Iterator[str]:
    """Every key as `a.b.c`, sections included."""
    for key, value in tree.items() if isinstance(tree, dict) else ():
        yield f"{path}{key}"
        yield from leaves(value, f"{path}{key}.")


@cache
def keys(file: str = "**/*.yaml") -> frozenset[str]:
    """Of one configuration file, or of all of them."""
    return frozenset(
        key for path in (ROOT / "config").glob(file) for key in leaves(yaml.safe_load(path.read_text()))
    )


@manual_page
def test_configuration_keys_exist(page):
    sections = {key.split(".")[0] for key in keys() if "." in key}
    for code in snippets(page):
        dotted = re.fullmatch(r"([a-z]\w*)((?:\.\w+)+|\.\*)(?:: .+)?", code)
        if dotted and dotted[1] in sections and dotted[2][1:] not in FILES:
            assert dotted[1] + dotted[2].removesuffix(".*") in keys(), f"{page}: {code}: no such key"
        if match := re.fullmatch(r"([a-z]\w+):(?: [\w.'\"={}-]+)?", code):
            last = {key.split(".")[-1] for key in keys()}
            assert match[1] in last | OTHERS_KEYS, f"{page}: {code}: no such key"
        for key in re.findall(r"(?:-p|--set) ([\w.]+)(?::=|=)", code):
            assert key in keys() | OTHERS_KEYS, f"{page}: {code}: no such key"


def rows(page: str, heading: str = "") -> Iterator[list[str]]:
    """Cells of the tables of a page, or of what follows a heading."""
    for line in (ROOT / "docs" / page).read_text().split(heading or "\n", 1)[1].splitlines():
        if line.startswith("| ") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_keys_of_the_configuration_page_are_of_their_file():
    listed = [row for row in rows("configuration.md") if ".yaml)" in row[0] and len(row) == 3]
    assert len(listed) > 8
    for row in listed:
        for file in re.findall(r"\]\(\.\./config/([^)]+)\)", row[0]):
            for key in re.findall(r"`(\w+)`", row[2]):
                assert key in keys(file), f"configuration.md: {file} has no {key}"


def test_every_configuration_file_is_on_its_page():
    page = (ROOT / "docs" / "configuration.md").read_text()
    files = {str(path.relative_to(ROOT / "config")) for path in (ROOT / "config").glob("**/*.yaml")}
    assert {file for file in files if file not in page} == set()


EXAMPLES = {  # class of an example in extending.md -> modules that define what it uses
    "MyAdapter": ("f2o_control.adapters.base", "f2o_control.limiter"),
    "Paired": ("f2o_policy.methods.base", "f2o_policy.methods.mse"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_extending_run_and_override_what_exists(name):
    text = (ROOT / "docs" / "extending.md").read_text()
    blocks = re.findall(r"(?:^    .*\n|^\n)+", text, re.MULTILINE)
    code = textwrap.dedent(next(block for block in blocks if f"class {name}(" in block))
    known = {key: value for module in EXAMPLES[name] for key, value in vars(import_module(module)).items()}
    exec(code, known)
    assert {key for key in vars(known[name]) if not key.startswith("_")} <= set(dir(known[name].__base__))


def test_the_walks_lead_through_functions_that_exist():
    hops = [row for row in rows("architecture.md", "hop by hop") if len(row) == 5 and row[0].isdigit()]
    assert len(hops) > 30
    for hop in hops:
        files = [ROOT / "src" / name.split("/")[0] / name for name in re.findall(r"`([^`]+)`", hop[2])]
        text = "".join(file.read_text() for file in files)
        for name in re.findall(r"`(\w+)`", hop[3]):
            assert re.search(rf"^\s*(?:def|class) {name}\b", text, re.MULTILINE), (
                f"hop {hop[0]}: no {name} in {hop[2]}"
            )


def test_topics_are_those_of_the_code():
    text = "".join(path.read_text() for path in (ROOT / "config").rglob("*.yaml"))
    text += "".join(path.read_text() for path in (ROOT / "src").glob("*/f2o_*/**/*.py"))
    for row in rows("topics.md"):
        for name in re.findall(r"`(/[^`]+)`", row[0]):
            parts = name.replace("<cam>", "{view}")
            found = parts in text or all(
                f"/{part}" in text or f'"{part}"' in text for part in parts.split("/")[1:]
            )
            assert found, f"topics.md: nothing publishes, serves or subscribes to {name}"


def test_every_row_of_the_security_page_names_tests_that_exist():
    tables = takewhile(lambda row: row[0] != "enclave", rows("security.md"))  # what follows lists keys
    attacks = [row for row in tables if row[-1] != "tested"]
    assert len(attacks) > 25
    files = [*ROOT.glob("src/*/test/*.py"), *ROOT.glob("benchmarks/test/*.py")]
    for attack in attacks:
        for named in attack[2].split(";"):
            name, tests = re.fullmatch(r"\s*`(test_\w+\.py)`: (.+)", named).groups()
            text = "".join(file.read_text() for file in files if file.name == name)
            for test in re.findall(r"`(\w+)`", tests):
                assert f"def {test}(" in text, f"security.md: no {test} in {name}"


def test_everything_that_can_be_typed_is_on_the_commands_page():
    page = (ROOT / "docs" / "commands.md").read_text()
    single = [f"f2o {name}" for name in commands() if name and " " not in name]
    verbs = [name.split()[1] for name in commands() if name.startswith("bag ")]
    arguments = [argument.name for graph in GRAPHS.values() for argument in graph.arguments]
    targets = re.findall(r"^([a-z][\w-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    typed = [*single, *verbs, *arguments, *(f"make {target}" for target in targets)]
    assert [name for name in typed if f"`{name}`" not in page] == []
    named = {
        name for row in rows("commands.md", "Launch arguments") for name in re.findall(r"`(\w+)`", row[0])
    }
    assert named == set(arguments)
