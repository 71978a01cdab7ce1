"""Making a command out of a class of flags that describes a whole session."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from algopioneer_core.cli.config import env_file_option
from algopioneer_core.cli.kit import (
    SectionedCommand,
    given_values,
    json_option,
    setting_options,
)
from algopioneer_core.config.environment import load_environment
from algopioneer_core.config.runs import Settings
from algopioneer_core.config.session import SessionConfig

__all__ = ["SessionMaker", "session_command"]

OptionsT_contra = TypeVar("OptionsT_contra", contravariant=True)


class SessionMaker(Protocol[OptionsT_contra]):
    """Turns checked flags into a session."""

    def __call__(
        self, options: OptionsT_contra, environment: Mapping[str, str], /, *, live: bool
    ) -> SessionConfig:
        """Return the session; on paper unless *live*."""


def session_command(
    name: str, options: type[OptionsT_contra], make: SessionMaker[OptionsT_contra], *, about: str
) -> click.Command:
    """
    Return a command that runs the session its flags describe.

    Args:
        name: The word users type.
        options: The attrs class whose fields are the flags.
        make: Turns an object of that class into a session.
        about: The text of its `--help`.
    """
    flags = setting_options(options, section="Session", only_flags=True)

    @click.command(name, cls=SectionedCommand, help=about)
    @click.option(
        "--live/--paper",
        default=False,
        help="Trade with money, or on paper. [default: paper]",
    )
    @env_file_option
    @json_option
    def command(*, live: bool, env_file: str, as_json: bool, **parameters: Any) -> None:
        from algopioneer_core.cli.run import run_and_tell

        asked = Settings(name, flags=given_values(flags, parameters)).make(options)
        environment = load_environment(Path(env_file), os.environ)
        run_and_tell(make(asked, environment, live=live), live=live, as_json=as_json)

    command.params[:0] = flags
    return command
