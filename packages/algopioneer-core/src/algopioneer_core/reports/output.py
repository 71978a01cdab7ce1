"""
Files that appear whole or not at all.

A report is written beside its final name and renamed when it is complete: whoever looks while a
run is going on, or after one that failed, sees the previous file or none.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from algopioneer_core.domain.errors import OutputError, cannot_write

__all__ = ["PartFile", "prepare_output_dir", "refused", "write_results_json", "write_text"]


def refused(path: Path, error: OSError) -> OutputError:
    """Return the error to raise when *path* cannot be written because of *error*."""
    remedy = "choose another --output-dir, or make room and allow writing in this one"
    return cannot_write(path, error, remedy=remedy)


def prepare_output_dir(path: Path) -> Path:
    """
    Make the directory *path* with its parents, and prove that a file can be written in it.

    Call it before the run: a result that cannot be kept is not worth computing.

    Raises:
        OutputError: It cannot be made, is not a directory, or does not take files.
    """
    probe = _part_name(path / "probe")
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise refused(path, error) from None
    return path


def _part_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


class PartFile:
    """
    A text file (UTF-8, `\\n`) that gets its name when it is complete.

    Args:
        path: The final name; an older file of that name is replaced by `commit`.

    Raises:
        OutputError: The file cannot be made or written; so do `write` and `commit`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = _part_name(path)
        try:
            self._file: IO[str] = self._part.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise refused(path, error) from None

    def write(self, text: str) -> None:
        """Append *text* as it is."""
        try:
            self._file.write(text)
        except OSError as error:
            raise refused(self.path, error) from None

    def commit(self) -> None:
        """Close the file and give it its name."""
        try:
            self._file.close()
            self._part.replace(self.path)
        except OSError as error:
            raise refused(self.path, error) from None

    def discard(self) -> None:
        """Close and remove what was written, leaving an older file as it was; safe to repeat."""
        with suppress(OSError):  # the disk is full: the rest of the buffer is not wanted either
            self._file.close()
        self._part.unlink(missing_ok=True)


@contextmanager
def _whole(path: Path) -> Iterator[PartFile]:
    part = PartFile(path)
    try:
        yield part
        part.commit()
    finally:
        part.discard()


def write_text(path: Path, text: str) -> None:
    """
    Write *text* to *path*, whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    with _whole(path) as part:
        part.write(text)


def write_results_json(path: Path, results: Mapping[str, object]) -> None:
    """
    Write `results.json`: indented, keys in their order, money already text.

    Raises:
        OutputError: It cannot be written.
        ValueError: A number is infinite or not a number, which JSON cannot say.
    """
    write_text(path, json.dumps(results, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
