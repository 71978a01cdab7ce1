"""The last word before money is at stake: what is traded, where, and within which limits."""

from typing import TYPE_CHECKING

import attrs
import click

from algopioneer_core.domain.errors import RefusedError

if TYPE_CHECKING:
    from algopioneer_core.config.session import SessionConfig

__all__ = ["require_live"]


def require_live(session: "SessionConfig", *, live: bool) -> None:
    """
    Let a session with money begin only where `--live` was said, and show what it may do.

    Raises:
        RefusedError: It would trade with money and nobody said `--live`, or the other way round.
    """
    venues = [each.name for each in session.venues if not each.paper]
    if venues and not live:
        raise RefusedError(
            f"{' and '.join(venues)} would trade with money",
            where=session.place("venue"),
            remedy="say --live, or leave paper = false out",
        )
    if live and not venues:
        raise RefusedError(
            "every venue of this session is on paper",
            where="--live",
            remedy="write paper = false in the table of the venue that is to trade with money",
        )
    if live:
        _show(session, venues)


def _show(session: "SessionConfig", venues: list[str]) -> None:
    limits = [
        f"  {each.name} = {value}"
        for each in attrs.fields(type(session.risk))
        if (value := getattr(session.risk, each.name)) not in (None, False)
    ]
    names = [f"  {each.name}: {', '.join(each.instruments)}" for each in session.strategies]
    click.echo(
        "\n".join(
            [f"LIVE: this session trades with money at {', '.join(venues)}.", *names, "Limits:"]
            + (limits or ["  none"])
        ),
        err=True,
    )
