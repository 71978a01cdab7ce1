"""
The tables of a session file whose keys are the project's own.

What belongs to a plugin (a venue's, a strategy's, a recorder's keys) has its class there; here is
what every session has. `session.py` puts the tables together.
"""

import enum
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.history.intervals import parse_interval
from algopioneer_core.runtime.restart_policy import OnExhausted, OnRemove, RestartPolicy
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.settings import (
    at_least,
    at_most,
    not_negative,
    option,
    optional,
    positive,
)

__all__ = [
    "Backend",
    "ExitOn",
    "JournalOptions",
    "OnExhausted",
    "OnRemove",
    "PartOptions",
    "RestartPolicy",
    "Resume",
    "SessionOptions",
    "StrategyOptions",
    "VenueOptions",
    "WebOptions",
]

_LONGEST_NAME: Final = 64
_FORBIDDEN: Final = frozenset('/\\:;,"')


class Backend(enum.Enum):
    """The event loop."""

    TRIO = "trio"
    ASYNCIO = "asyncio"


class ExitOn(enum.Enum):
    """What exit policies are asked on."""

    BAR = "bar"
    QUOTE = "quote"


def _name(_: Any, attribute: Any, value: str | None) -> None:
    """Check that the value can be part of a file name, a journal key and a log line."""
    if value is None:
        return
    bad = not value.isprintable() or any(c.isspace() or c in _FORBIDDEN for c in value)
    if bad or not value or len(value) > _LONGEST_NAME:
        raise ConfigError(
            f"{value!r} is not a name",
            where=attribute.name,
            remedy=f'1 to {_LONGEST_NAME} characters without blanks, slashes and : ; , " \\',
        )


def _length(_: Any, attribute: Any, value: str | None) -> None:
    if value is None:
        return
    try:
        parse_interval(value)
    except ConfigError as error:
        key = attribute.metadata["algopioneer"].key or attribute.name
        raise ConfigError(error.message, where=key, remedy=error.remedy) from None


@frozen(kw_only=True)
class SessionOptions:
    """
    The table `[session]`.

    Raises:
        ConfigError: A value is out of its range.
    """

    name: str = option(
        "session", help="What logs, alerts and the journal's file are named by.", validator=_name
    )
    resume: Resume | None = option(
        None,
        help="How a killed session goes on; by default cursor where every venue is replayed, "
        "else wallclock.",
    )
    backend: Backend = option(Backend.TRIO, help="Event loop.")
    interval: str | None = option(
        None,
        help="Length of the bars of every strategy that names none (1m, 5m, 1h, 1d).",
        validator=_length,
        metavar="LENGTH",
    )
    run_for: str | None = option(
        None,
        key="for",
        help="Stop after this long (90s, 8h); by default when told to, or when the feed ends.",
        validator=_length,
        metavar="LENGTH",
    )
    numeraire: str = option("USD", help="Currency in which equity and limits are counted.")
    capital: Decimal | None = option(
        None,
        help="What shares of capital are shares of; by default the account's equity at the start.",
        unit="numeraire",
        validator=optional(positive),
    )
    leverage_allowed: bool = option(
        False, help="Let the strategies' shares of capital sum to more than 1."
    )
    exit_on: ExitOn = option(ExitOn.BAR, help="What exit policies are asked on.")
    max_tick_age_ms: int | None = option(
        None,
        help="Oldest quote or trade that is used, by its way from the venue; off unless set.",
        unit="ms",
        validator=optional(at_least(1)),
    )
    bar_grace_s: Decimal = option(
        Decimal(5),
        help="How long a joint bar waits for the bar of its other leg.",
        unit="s",
        validator=not_negative,
    )
    stop_deadline_s: Decimal = option(
        Decimal(30),
        help="How long a stop may drive legs to flat or in position before it cancels what is "
        "left.",
        unit="s",
        validator=positive,
    )
    fatal_after_s: Decimal = option(
        Decimal(30),
        help="A strategy that has blocked the process for this long ends it, and is left out at "
        "the next start.",
        unit="s",
        validator=positive,
    )
    seed: int | None = option(
        None,
        help="Seed of back-off and other chances; drawn and journalled unless set.",
        validator=optional(at_least(0)),
    )

    @property
    def run_for_ns(self) -> int | None:
        """How long to run, nanoseconds; None for without end."""
        return None if self.run_for is None else parse_interval(self.run_for)


@frozen(kw_only=True)
class JournalOptions:
    """
    The table `[journal]`.

    Raises:
        ConfigError: A value is out of its range.
    """

    path: str | None = option(
        None,
        help="The journal's file; NAME.journal in the working folder unless set.",
        metavar="FILE",
    )
    record_inputs: bool = option(
        False, help="Also store market data, so that the session can be replayed exactly."
    )
    snapshot_every: int = option(
        1000,
        help="Market events between two snapshots of a replayed session.",
        unit="events",
        validator=at_least(1),
    )


@frozen(kw_only=True)
class VenueOptions:
    """The keys of a table `[venue.NAME]` that are not the venue's own."""

    kind: str | None = option(None, help="Which venue plugin; the table's NAME unless set.")
    paper: bool = option(
        True, help="Fill orders here instead of sending them; false trades with money."
    )


@frozen(kw_only=True)
class StrategyOptions:
    """
    The keys of a table `[[strategy]]` that are not the strategy's own.

    Raises:
        ConfigError: A value is out of its range, or capital is given twice.
    """

    kind: str = option(help="Which strategy plugin.")
    name: str | None = option(
        None,
        help="What journal, limits and trades call it; its kind unless set. Unique.",
        validator=_name,
    )
    instruments: tuple[str, ...] = option(
        help="What it trades, in its order: venue:symbol, or the symbol where there is one venue.",
        metavar="ID",
    )
    interval: str | None = option(
        None,
        help="Length of its bars (1m, 5m, 1h, 1d); the session's unless set.",
        validator=_length,
        metavar="LENGTH",
    )
    capital: Decimal | None = option(
        None, help="Its capital as an amount.", unit="numeraire", validator=optional(positive)
    )
    capital_share: Decimal | None = option(
        None,
        help="Its capital as a share of the account's; an only strategy has all of it.",
        validator=optional(positive),
    )
    history: int | None = option(
        None,
        help="Bars loaded before the start; what the strategy needs to warm up unless set.",
        unit="bars",
        validator=optional(at_least(1)),
    )
    on_remove: OnRemove = option(
        OnRemove.REFUSE, help="What happens to its position when it is taken out of the file."
    )
    on_exhausted: OnExhausted = option(
        OnExhausted.HALT, help="What happens when it crashes again and the budget is spent."
    )

    def __attrs_post_init__(self) -> None:
        if self.capital is not None and self.capital_share is not None:
            raise ConfigError(
                "capital and capital_share exclude each other",
                where="capital_share",
                remedy="give an amount or a share",
            )


@frozen(kw_only=True)
class PartOptions:
    """The keys of a table `[[recorder]]` or `[[notifier]]` that are not the plugin's own."""

    kind: str = option(help="Which plugin.")
    name: str | None = option(
        None,
        help="What the journal remembers it by; its kind unless set. Unique.",
        validator=_name,
    )


@frozen(kw_only=True)
class WebOptions:
    """
    The table `[web]`; without it nothing listens.

    Raises:
        ConfigError: A value is out of its range.
    """

    host: str = option("127.0.0.1", help="Address listened on.")
    port: int = option(
        8080, help="Port; 0 takes a free one.", validator=[at_least(0), at_most(65_535)]
    )
