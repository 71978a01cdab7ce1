"""
The command `algopioneer`: finds the command, runs it, and turns failures into one line.

Built-in commands are a table of references, imported when they are typed. Plugins are loaded only
when a word is not in the table, or to list their commands in the help.
"""

import importlib.metadata
from collections.abc import Sequence
from typing import Any, Final

import click

from algopioneer_core.cli.errors import run
from algopioneer_core.settings import nearest

__all__ = ["main", "program"]

_COMMANDS: Final = {
    "backtest": ("algopioneer_core.cli.backtest:backtest", "Trade a strategy on past bars."),
    "history": ("algopioneer_core.cli.history:history", "Fetch bars of the past into files."),
    "doctor": ("algopioneer_core.cli.doctor:doctor", "Check a venue, its key and a journal."),
    "run": ("algopioneer_core.cli.run:run", "Trade a session file, on paper or live."),
    "trade": ("algopioneer_core.cli.trade:trade", "Trade a moving average on one instrument."),
    "dual-leg": ("algopioneer_core.cli.dual_leg:dual_leg", "Trade one spread of two instruments."),
    "portfolio": ("algopioneer_core.cli.portfolio:portfolio", "Trade a pairs_config.json."),
    "halt": ("algopioneer_core.cli.control:halt", "Let a running session open nothing new."),
    "resume": ("algopioneer_core.cli.control:resume", "Lift a halt."),
    "flatten": ("algopioneer_core.cli.control:flatten", "Close what a session holds."),
    "config": ("algopioneer_core.cli.config:config", "Check and show a session file."),
    "journal": ("algopioneer_core.cli.journal:journal", "Ask why it traded; check the journal."),
    "parity": ("algopioneer_core.cli.parity:parity", "Compare a session with its backtest."),
    "demo": ("algopioneer_core.cli.demo:demo", "See a backtest and a rehearsal, offline."),
    "sandbox": ("algopioneer_core.cli.sandbox:sandbox", "Run a local exchange of a venue."),
    "plugins": ("algopioneer_core.cli.plugins:plugins", "List and check what is installed."),
}
"""Reference and summary of the built-in commands, in the order of the help."""


class _LazyGroup(click.Group):
    """A group that imports a command when it is run, and not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the built-in commands, then those of plugins."""
        return [*_COMMANDS, *(name for name in _plugin_summaries() if name not in _COMMANDS)]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Return the command, looking at plugins only for a word that is not built in."""
        from algopioneer_core.plugins.specs import resolve

        if cmd_name in _COMMANDS:
            command: click.Command = resolve(
                _COMMANDS[cmd_name][0], wanted_by=f"command {cmd_name!r}"
            )
            return command
        return _plugin_command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of *args*; an unknown word is told its nearest."""
        word = args[0]
        command = self.get_command(ctx, word)
        if command is None and not word.startswith("-"):
            near = nearest(word, self.list_commands(ctx))
            hint = f"did you mean {near!r}?" if near else "see: algopioneer --help"
            ctx.fail(f"there is no command {word!r} ({hint})")
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands from their summaries alone."""
        rows = [(name, summary) for name, (_, summary) in _COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        extra = [row for row in _plugin_summaries().items() if row[0] not in _COMMANDS]
        if extra:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(extra)


def _plugin_summaries() -> dict[str, str]:
    from algopioneer_core.plugins.manager import load_plugins

    return {item.spec.name: item.spec.summary for item in load_plugins().commands}


def _plugin_command(name: str) -> click.Command | None:
    from algopioneer_core.plugins.manager import load_plugins

    host = load_plugins()
    spec = host.commands.find(name)
    if spec is None:
        return None
    host.require_unambiguous()
    command = spec.load_command()
    return command if isinstance(command, click.Command) else None


def _print_version(ctx: click.Context, _: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"algopioneer {importlib.metadata.version('algopioneer-core')}")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def program() -> None:
    """Find an edge, prove it on history, rehearse it on paper, and leave it running."""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line and return its exit code.

    Args:
        arguments: Words after the program's name; by default those of the process.
    """
    return run(program, arguments)
