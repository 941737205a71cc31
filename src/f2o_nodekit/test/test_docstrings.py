"""Public functions say in their docstring what they raise."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[3]
SHARE = 0.95  # of the public functions with a raise statement: some texts read better in a sentence


def public_functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    """Public functions and methods, each with its docstring; that of a class counts for its __init__."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, ast.get_docstring(node) or ""
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in (n for n in node.body if isinstance(n, ast.FunctionDef)):
                if method.name == "__init__":
                    yield method, (ast.get_docstring(node) or "") + (ast.get_docstring(method) or "")
                elif not method.name.startswith("_"):
                    yield method, ast.get_docstring(method) or ""


def raises(function: ast.FunctionDef) -> bool:
    """Whether its own body raises something; re-raising and NotImplementedError do not count."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            return not (isinstance(node.exc, ast.Name) and node.exc.id == "NotImplementedError")
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            pending += ast.iter_child_nodes(node)
    return False


def undocumented(files: list[Path]) -> tuple[int, list[str]]:
    """How many public functions raise, and which of them do not say so."""
    count, silent = 0, []
    for file in files:
        for function, text in public_functions(ast.parse(file.read_text())):
            if raises(function):
                count += 1
                if "Raises:" not in text:
                    silent.append(f"{file}:{function.lineno} {function.name}")
    return count, silent


def test_public_functions_document_what_they_raise():
    sources = [*HOUSE.glob("src/f2o_*/f2o_*/**/*.py"), *HOUSE.glob("benchmarks/**/*.py")]
    count, silent = undocumented([f for f in sources if not {"test", "testing"} & set(f.parts)])
    assert count > 100
    assert 1 - len(silent) / count >= SHARE, "\n".join(["", *silent])


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("def f():\n    'Do.'\n    raise ValueError\n", 1),
        ("class A:\n    'Text.'\n    def __init__(self):\n        raise ValueError\n", 1),
        ("class A:\n    'Raises: ValueError.'\n    def __init__(self):\n        raise ValueError\n", 0),
        ("def _f():\n    raise ValueError\n", 0),
        ("def f():\n    def g():\n        raise ValueError\n    return g\n", 0),
        ("def f():\n    try:\n        g()\n    except OSError:\n        raise\n", 0),
    ],
)  # fmt: skip
def test_a_silent_raise_is_found(tmp_path, body, found):
    (tmp_path / "module.py").write_text(body)
    assert len(undocumented([tmp_path / "module.py"])[1]) == found
