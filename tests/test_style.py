"""House rules that no linter knows; ruff holds the rest (D1: documented, RUF022: sorted)."""

import ast
import functools
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(ROOT.glob("packages/*/src/**/*.py"))
LONGEST_MODULE = 400
"""Lines; a longer module is two rooms."""
LONGEST_FUNCTION = 80
"""Lines, docstring included; 40 is a smell, twice that is not discussed."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """Return how a file is named in a message: from its distribution's folder on."""
    return path.relative_to(ROOT).as_posix().removeprefix("packages/")


@functools.cache
def trees() -> Sequence[tuple[str, ast.Module]]:
    """Return every source module's name and syntax tree."""
    return [(name_of(path), ast.parse(path.read_text("utf-8"))) for path in MODULES]


def declared_all(tree: ast.Module) -> list[str]:
    """Return `__all__` of a module, empty where there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def hookimpl(node: Function | ast.ClassDef) -> bool:
    """Tell whether a function is a hook implementation: pluggy finds it, nobody imports it."""
    return any(ast.unparse(decorator).startswith("hookimpl") for decorator in node.decorator_list)


def public_definitions(tree: ast.Module) -> set[str]:
    """Return functions and classes at the top of a module that have no underscore."""
    return {
        node.name
        for node in tree.body
        if isinstance(node, Function | ast.ClassDef)
        and not node.name.startswith("_")
        and not hookimpl(node)
    }


def lengths(tree: ast.Module) -> dict[str, int]:
    """Return how many lines each function takes, docstring included, decorators not."""
    return {
        node.name: (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, Function)
    }


def test_modules_are_short_enough_to_read() -> None:
    """A file past the limit holds two subjects."""
    counts = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: count for name, count in counts.items() if count > LONGEST_MODULE} == {}


def test_functions_are_short_enough_to_read() -> None:
    """A function past the limit does two things."""
    long = {
        f"{module}: {function}": length
        for module, tree in trees()
        for function, length in lengths(tree).items()
        if length > LONGEST_FUNCTION
    }
    assert long == {}


def test_public_names_are_declared() -> None:
    """Nothing public is left out of `__all__`: what is not for others has an underscore."""
    missing = {
        module: sorted(left_out)
        for module, tree in trees()
        if (left_out := public_definitions(tree) - set(declared_all(tree)))
    }
    assert missing == {}


def test_the_readers_above_see_what_they_look_for() -> None:
    """A rule whose reader is blind would hold for any code."""
    tree = ast.parse("__all__ = ['a']\ndef a():\n    pass\ndef _b(): ...\nclass C: ...\n")
    assert declared_all(tree) == ["a"]
    assert public_definitions(tree) == {"a", "C"}
    assert lengths(tree) == {"a": 2, "_b": 1}


def test_no_committed_text_names_a_machine() -> None:
    """Absolute paths of somebody's machine help nobody else."""
    homes = ("/" + "work/", "/" + "root/", "/" + "home/")
    patterns = ("*.md", "*.py", "*.toml", "docs/**/*.md", "tests/*.py", "packages/*/[st]*/**/*.py")
    texts = [path for pattern in patterns for path in ROOT.glob(pattern)]
    assert len(texts) > len(MODULES)
    guilty = [path for path in texts if any(home in path.read_text("utf-8") for home in homes)]
    assert guilty == []
