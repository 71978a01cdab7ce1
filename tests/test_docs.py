"""
Every command, program and table in the documents works.

A fenced block of `sh`, `python` or `toml` is run (or parsed), in the order of its document, in a
folder of its own that has links to the checkout's `packages` and `examples`. A block that cannot
be run in a test says why, in a comment on the line above it: `<!-- not run: the reason -->`.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "packages/*/*.md", "examples/*.md")
    for path in ROOT.glob(pattern)
)
SCRIPTS = Path(sys.executable).parent
WHOLE_RUN = "python3 -m pip install nox && python3 -m nox"

_FENCE = re.compile(
    r"^(?P<fence>```+)(?P<language>[a-z]+)\n(?P<code>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
_EXCUSE = re.compile(r"<!-- not run: \w.* -->\n*\Z")
_INSTALL = re.compile(r"\b(pip|uv|nox|apt-get)\b")
_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)")


class Block(NamedTuple):
    """One fenced block of a document."""

    line: int
    language: str
    code: str
    excused: bool


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a Markdown text that name a language."""
    return [
        Block(
            line=text.count("\n", 0, match.start()) + 1,
            language=match["language"],
            code=match["code"],
            excused=_EXCUSE.search(text[: match.start()]) is not None,
        )
        for match in _FENCE.finditer(text)
    ]


def run(block: Block, folder: Path) -> None:
    """
    Run or parse one block.

    Raises:
        AssertionError: It failed; the message holds what it printed.
    """
    if block.language == "toml":
        tomllib.loads(block.code)
        return
    assert not _INSTALL.search(block.code), f"line {block.line}: would change this environment"
    programs = {
        "sh": ["bash", "-euo", "pipefail", "-c", block.code],
        "python": [sys.executable, "-c", block.code],
    }
    # As a reader's shell has it: with the command, without coverage being measured.
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("COVERAGE_")}
    environment["PATH"] = os.pathsep.join((str(SCRIPTS), os.environ["PATH"]))
    environment["COLUMNS"] = "100"
    done = subprocess.run(
        programs[block.language],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"line {block.line}: {block.code}\n{done.stdout}"


def runnable(document: Path) -> list[Block]:
    """Return the blocks of a document that the test has to run."""
    found = blocks(document.read_text("utf-8"))
    return [
        block for block in found if block.language in {"sh", "python", "toml"} and not block.excused
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if runnable(path)],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_blocks_of_a_document_run(document: Path, tmp_path: Path) -> None:
    """What a reader copies from a document works, in the order in which it stands there."""
    for shared in ("packages", "examples"):
        if (ROOT / shared).exists():
            (tmp_path / shared).symlink_to(ROOT / shared)
    for block in runnable(document):
        run(block, tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link of a document names a file that is there."""
    targets = [match["target"] for match in _LINK.finditer(document.read_text("utf-8"))]
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


def test_a_failing_block_is_reported_with_what_it_printed(tmp_path: Path) -> None:
    """The runner fails where a reader would."""
    [block] = blocks("text\n\n```sh\necho seen; false | cat\n```\n")
    with pytest.raises(AssertionError, match=r"line 3(?s:.)*seen"):
        run(block, tmp_path)


def test_a_block_that_installs_is_not_run(tmp_path: Path) -> None:
    """Documents must not change the environment of whoever runs the tests."""
    [block] = blocks("```sh\npip install ./packages/algopioneer-core\n```\n")
    with pytest.raises(AssertionError, match="would change this environment"):
        run(block, tmp_path)


def test_a_block_is_excused_only_with_a_reason() -> None:
    """A bare marker does not switch a block off."""
    with_reason = "<!-- not run: needs the network -->\n```sh\nx\n```\n"
    without = "<!-- not run:  -->\n```sh\nx\n```\n"
    assert [block.excused for block in blocks(with_reason + without)] == [True, False]


def test_readme_and_ci_run_the_same_command() -> None:
    """The command that the README gives for the tests is, letter for letter, what CI runs."""
    readme = [block.code.strip() for block in blocks((ROOT / "README.md").read_text("utf-8"))]
    assert WHOLE_RUN in readme
    assert f"{WHOLE_RUN} -s demo" in readme
    assert WHOLE_RUN in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
