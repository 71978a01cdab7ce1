"""Files that are put in their place whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from algopioneer_core.domain.errors import cannot_write

__all__ = ["draft_of"]


@contextmanager
def draft_of(path: Path, *, remedy: str) -> Iterator[Path]:
    """
    Give a place beside *path* to write to; at the end of the block that takes its place.

    Where anything goes wrong, what was there before stays, and no draft is left.

    Args:
        path: The file.
        remedy: What somebody does who reads that it cannot be written.

    Raises:
        OutputError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.part")
    try:
        yield draft
        draft.replace(path)
    except OSError as error:
        raise cannot_write(path, error, remedy=remedy) from error
    finally:
        with suppress(OSError):  # there is none: it is in its place, or was never begun
            draft.unlink()
