"""`algopioneer config`: look at a session file before it trades."""

import os
from pathlib import Path
from typing import Any, Final

import click

from algopioneer_core.cli.kit import json_option, print_json
from algopioneer_core.config.environment import load_environment
from algopioneer_core.config.session import SessionConfig, read_session
from algopioneer_core.domain.errors import AlgopioneerError, ExitCode

__all__ = [
    "config",
    "config_option",
    "env_file_option",
    "journal_of_session_option",
    "read_configured",
]

config_option: Final = click.option(
    "--config", "file", metavar="FILE.toml", required=True, help="The session file."
)
"""Decorator that adds `--config`; the command receives it as `file`."""
env_file_option: Final = click.option(
    "--env-file",
    metavar="FILE",
    default=".env",
    show_default=True,
    help="Variables for ${NAME} and secrets; those of the process win.",
)
"""Decorator that adds `--env-file`."""
journal_of_session_option: Final = click.option(
    "--journal",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The journal; that of the session file unless given.",
)
"""Decorator that adds `--journal`; the command receives a path, or None, as `path`."""


def read_configured(file: str, env_file: str) -> SessionConfig:
    """
    Read a session file with the variables of the process and of *env_file*.

    Raises:
        ConfigError: A file cannot be read, or the session is wrong.
    """
    return read_session(Path(file), load_environment(Path(env_file), os.environ))


@click.group()
def config() -> None:
    """Check a session file, or show what it comes to."""


@config.command("validate")
@config_option
@env_file_option
@json_option
def _validate(file: str, env_file: str, as_json: bool) -> int:
    """
    Find every mistake in a session file, without opening a venue.

    Plugins are loaded, secrets are looked for, and what each strategy needs is held against what
    its venues can do.
    """
    from algopioneer_core.bootstrap.host import load_host
    from algopioneer_core.bootstrap.session_config import session_problems

    session = read_configured(file, env_file)
    problems = session_problems(session, load_host(session.allow))
    if as_json:
        print_json({"valid": not problems, "problems": [_problem(each) for each in problems]})
    else:
        _tell(session, problems)
    return max((each.exit_code for each in problems), default=ExitCode.OK)


def _problem(error: AlgopioneerError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "where": error.where,
        "message": error.message,
        "remedy": error.remedy,
    }


def _tell(session: SessionConfig, problems: tuple[AlgopioneerError, ...]) -> None:
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if not problems:
        strategies, venues = len(session.strategies), len(session.venues)
        kind = "with money" if session.live else "on paper"
        click.echo(
            f"{session.path}: valid: {strategies} strateg{'y' if strategies == 1 else 'ies'} "
            f"{kind} on {venues} venue{'s' * (venues > 1)}"
        )


@config.command("show")
@config_option
@env_file_option
@json_option
def _show(file: str, env_file: str, as_json: bool) -> None:
    """
    Show a session with all its defaults, as a session file; secrets are left out.

    What stands in the file as ${NAME} is shown so.
    """
    from algopioneer_core.bootstrap.host import load_host
    from algopioneer_core.bootstrap.session_config import check_session
    from algopioneer_core.bootstrap.session_view import secret_states, session_view
    from algopioneer_core.config.toml_text import toml_text

    session = read_configured(file, env_file)
    checked = check_session(session, load_host(session.allow))
    tables, secrets = session_view(checked), secret_states(checked)
    if as_json:
        print_json({**tables, "secrets": secrets})
        return
    for variable, there in secrets.items():
        click.echo(f"# secret from {variable}: {'set' if there else 'not set'}")
    click.echo(toml_text(tables), nl=False)
