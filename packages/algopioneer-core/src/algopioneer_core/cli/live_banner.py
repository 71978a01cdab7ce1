"""The last word before money is at stake: what is traded, where, and within which limits."""

from typing import TYPE_CHECKING

import attrs
import click

from algopioneer_core.domain.errors import RefusedError

if TYPE_CHECKING:
    from algopioneer_core.config.session import SessionConfig
    from algopioneer_core.config.session_tables import StrategyTable
    from algopioneer_core.engine.risk_limits import RiskLimits

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
    lines = [f"LIVE: this session trades with money at {', '.join(venues)}."]
    for each in session.strategies:
        lines.append(f"  {each.name}: {each.kind} on {', '.join(each.instruments)}, {_money(each)}")
        lines += [f"    {limit}" for limit in _limits(each.risk)]
    lines += [
        "Limits of the session:",
        *(f"  {each}" for each in _limits(session.risk) or ["none"]),
    ]
    click.echo("\n".join(lines), err=True)


def _money(strategy: "StrategyTable") -> str:
    if strategy.capital_share is None:
        return f"with {strategy.capital}"
    return f"with {strategy.capital_share:.2%} of the capital"


def _limits(limits: "RiskLimits") -> list[str]:
    """Return the limits that are set, each as it is written in a session file."""
    return [
        f"{each.name} = {value}"
        for each in attrs.fields(type(limits))
        if not limits.is_off and (value := getattr(limits, each.name)) not in (None, False)
    ]
