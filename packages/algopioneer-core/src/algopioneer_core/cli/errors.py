"""
The one place where a failure becomes an exit code and a line for the user.

Foreseen failures are one line on standard error, `error: where: what (remedy)`, without a
traceback; with `--json` the same is an object on standard output. What is not foreseen is a defect
and keeps its traceback.
"""

import decimal
import json
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from algopioneer_core.domain.errors import AlgopioneerError, ExitCode, RefusedError
from algopioneer_core.domain.text import one_line

__all__ = ["PROGRAM", "run", "warn"]

PROGRAM: Final = "algopioneer"
_INTERRUPTED: Final = 130
"""What shells expect of a process that ended on Ctrl-C: 128 + SIGINT."""
_TOO_LONG: Final = RefusedError(
    "an amount needs more than 60 digits, and amounts are not rounded silently",
    remedy="give capital, fees, slippage and sizes with fewer digits",
)


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run *command* and return the exit code; never raises for what is foreseen."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _run(command, words)
    except BrokenPipeError:
        _silence_stdout()
        return ExitCode.ERROR


def _run(command: click.Command, words: list[str]) -> int:
    try:
        code = command.main(words, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except AlgopioneerError as error:
        return _report(error, words)
    except decimal.Inexact:
        return _report(_TOO_LONG, words)
    except click.UsageError as error:
        return _report_usage(error, words)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code, words)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    return code if isinstance(code, int) else ExitCode.OK


def _report(error: AlgopioneerError, words: list[str]) -> int:
    details = {"where": error.where, "remedy": error.remedy, "message": error.message}
    return _fail(str(error), error.exit_code, words, type(error).__name__, details)


def _report_usage(error: click.UsageError, words: list[str]) -> int:
    message = error.format_message().rstrip(".")
    path = error.ctx.command_path if error.ctx else PROGRAM
    text = message if message.endswith(")") else f"{message} (see: {path} --help)"
    return _fail(text, ExitCode.USAGE, words, "UsageError", {"message": message})


def _fail(
    text: str,
    code: int,
    words: list[str],
    kind: str = "Error",
    details: dict[str, str | None] | None = None,
) -> int:
    if "--json" in words:
        about = {"type": kind, "message": text, **(details or {}), "exit_code": int(code)}
        click.echo(json.dumps({"error": about}, indent=2))
    click.echo(f"error: {one_line(text)}", err=True)
    return int(code)


def warn(text: str) -> None:
    """Write a line on standard error about something that does not stop the command."""
    click.echo(f"warning: {one_line(text)}", err=True)


def _silence_stdout() -> None:
    """Give the interpreter somewhere to flush to: the reader of the pipe has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
