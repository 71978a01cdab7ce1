"""`algopioneer sandbox VENUE`: a local exchange that speaks a venue's protocol."""

import click

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.plugins.manager import load_plugins

__all__ = ["sandbox"]


class _Sandboxes(click.Group):
    """The venues that bring a local exchange, each a command of its plugin."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of those venues."""
        return [each.spec.name for each in load_plugins().venues if each.spec.sandbox is not None]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command:
        """
        Return a venue's command.

        Raises:
            PluginError: There is no such venue.
            RefusedError: It has no local exchange.
        """
        command = load_plugins().venues.get(cmd_name).load_sandbox()
        if not isinstance(command, click.Command):
            raise RefusedError(
                "it has no local exchange", where=f"venue {cmd_name!r}", remedy="use paper trading"
            )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the summaries, without importing anything."""
        venues = load_plugins().venues
        rows = [(name, venues.get(name).summary) for name in self.list_commands(ctx)]
        with formatter.section("Venues"):
            formatter.write_dl(rows)


@click.group(cls=_Sandboxes)
def sandbox() -> None:
    """
    Run a local exchange that speaks a venue's protocol.

    It prints lines to be read by a shell, which point the venue's adapter at it, and then the line
    `ready`; it runs until it is interrupted.
    """
