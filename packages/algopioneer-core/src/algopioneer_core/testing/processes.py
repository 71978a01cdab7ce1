"""Programs in processes of their own, for tests: none outlives the block it was started for."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["started"]


@contextmanager
def started(
    *words: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stderr: int | IO[str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """
    Run a program for the block; what still runs at its end is killed, and waited for.

    So an assertion that fails while a session runs leaves no session behind. Who wants the
    program's own end waits for it inside the block, with a limit.

    Args:
        words: Program and arguments.
        folder: Where it runs.
        environment: Its variables; those of this process when not given.
        stdin: As of `subprocess.Popen`.
        stderr: The same; its standard output is always a pipe of text.
    """
    command: Sequence[str | Path] = words
    with subprocess.Popen(  # noqa: S603 - the test says what runs
        command,
        cwd=folder,
        env=None if environment is None else dict(environment),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
