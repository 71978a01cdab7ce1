"""
Sessions that are one command: `trade`, `dual-leg` and `portfolio`, from their flags.

Each set of flags becomes the tables of a session file and is read as one, so that a session from
flags has the same defaults and checks. Paper unless *live* is said. Units are those of the flags'
help: the cycle in seconds, ages in milliseconds, sizes in base or quote currency.
"""

import functools
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from algopioneer_core.config.pairs_config import Pair, not_positive, pair_strategy, read_pairs
from algopioneer_core.config.runs import assigned, separated
from algopioneer_core.config.session import SessionConfig, make_session
from algopioneer_core.config.session_options import Resume
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.text import file_name
from algopioneer_core.settings import at_least, not_negative, option, optional, positive

__all__ = [
    "DualLegOptions",
    "PortfolioOptions",
    "RunOptions",
    "TradeOptions",
    "dual_leg_session",
    "portfolio_session",
    "trade_session",
]

_VENUE: Final = "Venue"
_RUN: Final = "Run"
_STRATEGY: Final = "Strategy"
_LEGS: Final = 2


@frozen(kw_only=True)
class RunOptions:
    """What the three commands have in common."""

    exchange: str = option("coinbase", help="Which venue.", section=_VENUE, metavar="NAME")
    venue: tuple[str, ...] = option(
        (),
        help="A setting of the venue (--exchange replay --venue speed=60). May be repeated.",
        section=_VENUE,
        metavar="KEY=VALUE",
    )
    paper_account: tuple[str, ...] = option(
        (),
        help="A setting of the paper account (taker_fee_bps=20). May be repeated.",
        section=_VENUE,
        metavar="KEY=VALUE",
    )
    run_for: str | None = option(
        None,
        key="for",
        help="Stop after this long (90s, 8h); by default on Ctrl-C, or when the feed ends.",
        section=_RUN,
        metavar="LENGTH",
    )
    journal: str | None = option(
        None,
        help="The journal's file; by default named after the session.",
        section=_RUN,
        metavar="FILE",
    )
    resume: Resume | None = option(
        None,
        help="How a killed session goes on; by default cursor over a replay, else wallclock; only "
        "wallclock lets its strategies be changed while it runs.",
        section=_RUN,
    )
    record: tuple[str, ...] = option(
        (),
        help="Write finished trades there: FILE.csv or FILE.jsonl. May be repeated.",
        section=_RUN,
        metavar="FILE",
    )


@frozen(kw_only=True)
class TradeOptions(RunOptions):
    """
    The flags of `trade`: a moving average crossover on one instrument.

    Raises:
        ConfigError: A value is out of its range, or the history is shorter than the long window.
    """

    product_id: str = option(help="What to trade.", section=_STRATEGY, metavar="SYMBOL")
    duration: int = option(
        60, help="The cycle: length of a bar.", unit="s", validator=at_least(1), section=_STRATEGY
    )
    order_size: Decimal = option(
        Decimal("0.001"),
        help="Quantity of each trade.",
        unit="base units",
        validator=positive,
        section=_STRATEGY,
    )
    short_window: int = option(
        5, help="Bars in the short average.", validator=at_least(1), section=_STRATEGY
    )
    long_window: int = option(
        20, help="Bars in the long average.", validator=at_least(2), section=_STRATEGY
    )
    max_history: int = option(
        200,
        help="Bars of the past to load before the start.",
        validator=at_least(1),
        section=_STRATEGY,
    )

    def __attrs_post_init__(self) -> None:
        if self.max_history < self.long_window:
            raise ConfigError(
                f"max_history ({self.max_history}) is shorter than long_window "
                f"({self.long_window})",
                where="max_history",
            )


@frozen(kw_only=True)
class DualLegOptions(RunOptions):
    """
    The flags of `dual-leg`: one spread of two instruments.

    Raises:
        ConfigError: A value is out of its range, or there are not two symbols.
    """

    strategy: str = option(
        help="Which strategy: pairs or basis, or another of two legs.",
        section=_STRATEGY,
        metavar="NAME",
    )
    symbols: tuple[str, ...] = option(
        help="The two legs, separated by a comma.", section=_STRATEGY, metavar="A,B"
    )
    interval: str | None = option(
        None,
        help="Length of a bar (1m, 1h, 1d); a replay has its own.",
        section=_STRATEGY,
        metavar="LENGTH",
    )
    order_size: Decimal | None = option(
        None,
        help="Amount put into the first leg; by default the strategy's share of equity.",
        unit="quote currency",
        validator=optional(positive),
        section=_STRATEGY,
    )
    parameters: tuple[str, ...] = option(
        (),
        key="set",
        help="A setting of the strategy (--set window=60), or of a table of its own "
        "(--set legs.short_mode=inventory). May be repeated.",
        section=_STRATEGY,
        metavar="KEY=VALUE",
    )
    max_tick_age_ms: int = option(
        2000,
        help="Oldest price of a leg at an entry, and most time between the two.",
        unit="ms",
        validator=at_least(1),
        section=_STRATEGY,
    )
    execution_timeout_ms: int | None = option(
        None,
        help="How long one leg may stand without the other before a correction; "
        "by default what the venue's rules allow.",
        unit="ms",
        validator=optional(at_least(2)),
        section=_STRATEGY,
    )
    min_profit_threshold: Decimal = option(
        ZERO,
        help="Leave at this net gain; 0 is off.",
        unit="quote currency",
        validator=not_negative,
        section=_STRATEGY,
    )
    stop_loss_threshold: Decimal = option(
        ZERO,
        help="Leave at this net loss, a negative number; 0 is off.",
        unit="quote currency",
        validator=not_positive,
        section=_STRATEGY,
    )
    throttle_interval_secs: int = option(
        5,
        help="Log lines that repeat are written once in this time.",
        unit="s",
        validator=at_least(0),
        section=_RUN,
    )

    @property
    def legs(self) -> tuple[str, ...]:
        """The symbols, in one flag or in two."""
        return separated(self.symbols)

    def __attrs_post_init__(self) -> None:
        if len(set(self.legs)) != _LEGS or len(self.legs) != _LEGS:
            raise ConfigError(
                f"two symbols are needed, not {', '.join(self.legs) or 'none'}",
                where="symbols",
                remedy="write --symbols A,B",
            )


@frozen(kw_only=True)
class PortfolioOptions(RunOptions):
    """The flags of `portfolio`: the pairs of a `pairs_config.json`."""

    config: str = option(help="The pairs, JSON.", section=_STRATEGY, metavar="FILE")
    interval: str | None = option(
        None,
        help="Length of a bar (1m, 1h, 1d) of the pairs that state none.",
        section=_STRATEGY,
        metavar="LENGTH",
    )


def trade_session(
    options: TradeOptions, environment: Mapping[str, str], *, live: bool = False
) -> SessionConfig:
    """
    Return the session that `trade` runs.

    Raises:
        ConfigError: A setting is not KEY=VALUE, or a value is wrong.
    """
    strategy = {
        "kind": "moving-average",
        "instruments": [options.product_id],
        "interval": f"{options.duration}s",
        "history": options.max_history,
        "quantity": options.order_size,
        "short_window": options.short_window,
        "long_window": options.long_window,
    }
    name = _session_name("trade", options.exchange, options.product_id)
    return make_session(_tables(options, name, [strategy], live=live), environment)


def dual_leg_session(
    options: DualLegOptions, environment: Mapping[str, str], *, live: bool = False
) -> SessionConfig:
    """
    Return the session that `dual-leg` runs.

    Raises:
        ConfigError: A setting is not KEY=VALUE, or a value is wrong.
    """
    pair = Pair(
        spot_symbol=options.legs[0],
        future_symbol=options.legs[1],
        order_size=options.order_size,
        max_tick_age_ms=options.max_tick_age_ms,
        execution_timeout_ms=options.execution_timeout_ms,
        min_profit_threshold=options.min_profit_threshold,
        stop_loss_threshold=options.stop_loss_threshold,
        entry_cooldown_ms=0,
        interval=options.interval,
    )
    strategy = pair_strategy(pair, kind=options.strategy)
    strategy.pop("capital", None)  # the only strategy has the whole account
    _assign(strategy, assigned(options.parameters, "--set"))
    name = _session_name(options.strategy, options.exchange, *options.legs)
    tables = _tables(options, name, [strategy], live=live)
    tables["log"] = {"throttle_s": options.throttle_interval_secs}
    return make_session(tables, environment)


def _assign(strategy: dict[str, Any], settings: Mapping[str, str]) -> None:
    """Put *settings* into a table; a dot leads into one of its own tables."""
    for key, value in settings.items():
        table, dot, inner = key.partition(".")
        if dot and isinstance(strategy.get(table, {}), dict):
            strategy[table] = {**strategy.get(table, {}), inner: value}
        else:
            strategy[key] = value


def portfolio_session(
    options: PortfolioOptions, environment: Mapping[str, str], *, live: bool = False
) -> SessionConfig:
    """
    Return the session that `portfolio` runs on the pairs of a JSON file.

    A running session that is told to (SIGHUP) reads that file again, with the same flags.

    Raises:
        ConfigError: The file cannot be read, or a value is wrong; names the file and the pair.
    """
    path = Path(options.config)
    portfolio = read_pairs(path, interval=options.interval)
    name = _session_name("portfolio", options.exchange, path.stem)
    tables = _tables(options, name, list(portfolio.strategies), live=live)
    venue = tables["venue"][options.exchange]
    if not live:
        venue["paper"] = {**portfolio.fees, **venue["paper"]}
    tables["log"] = {"throttle_s": portfolio.throttle_s}
    again = functools.partial(portfolio_session, options, environment, live=live)
    return evolve(make_session(tables, environment, path=path), again=again)


def _tables(
    options: RunOptions, name: str, strategies: list[dict[str, Any]], *, live: bool
) -> dict[str, Any]:
    paper: Any = False if live else assigned(options.paper_account, "--paper-account")
    if live and options.paper_account:
        raise ConfigError("there is no paper account with --live", where="--paper-account")
    tables: dict[str, Any] = {
        "session": {"name": name},
        "venue": {options.exchange: {**assigned(options.venue, "--venue"), "paper": paper}},
        "strategy": strategies,
        "recorder": [_recorder(path) for path in options.record],
    }
    if options.run_for is not None:
        tables["session"]["for"] = options.run_for
    if options.resume is not None:
        tables["session"]["resume"] = options.resume.value
    if options.journal is not None:
        tables["journal"] = {"path": options.journal}
    return tables


def _recorder(path: str) -> dict[str, Any]:
    kind = Path(path).suffix.removeprefix(".").lower()
    if kind not in ("csv", "jsonl"):
        raise ConfigError(
            f"{path!r} is neither a .csv nor a .jsonl file",
            where="--record",
            remedy="give the file one of these endings",
        )
    return {"kind": kind, "name": _session_name(path), "path": path}


def _session_name(*words: str) -> str:
    """Return a name out of *words* that can be a file's."""
    return file_name(*words)[:64]
