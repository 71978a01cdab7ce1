"""From a checked configuration and open venues to the plan of a session."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import evolve

from algopioneer_core.bootstrap.inventory import Inventories
from algopioneer_core.bootstrap.leg_deadlines import leg_deadlines
from algopioneer_core.bootstrap.session_config import CheckedSession, CheckedStrategy
from algopioneer_core.config.session import SessionConfig
from algopioneer_core.config.session_options import ExitOn
from algopioneer_core.config.session_tables import StrategyTable
from algopioneer_core.domain.errors import AlgopioneerError, ConfigError, RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import BPS, ZERO, Money, mul
from algopioneer_core.engine.exits import ExitCosts
from algopioneer_core.engine.leg_entry import short_problem
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.ports import FeeRates, Venue, pushed_of
from algopioneer_core.runtime.bar_intake import BarOrigin
from algopioneer_core.runtime.plan import SessionPlan, StrategyPlan
from algopioneer_core.settings import nearest
from algopioneer_core.simulation.paper_fees import with_rates

__all__ = ["require_strategies", "session_plan"]

_NS_PER_MS: Final = 1_000_000
_LIVE_SLIPPAGE: Final = mul(Decimal(5), BPS)
"""What the way out is taken to slip by where no paper account says it."""


async def session_plan(checked: CheckedSession, venues: Mapping[str, Venue]) -> SessionPlan:
    """
    Return what the runtime is to run, now that venues are open and say what they trade.

    Args:
        checked: The configuration.
        venues: Opened, by name.

    Raises:
        ConfigError: A venue does not trade an instrument, or it is not known how long bars are.
        RefusedError: There is no capital to have a share of.
        VenueError: A venue does not answer.
    """
    config, options = checked.config, checked.config.session
    age_ms = options.max_tick_age_ms
    traded = {each.name: await each.market_data.instruments() for each in venues.values()}
    capital = await _capital(config, venues)
    inventories = Inventories([each.table for each in checked.strategies], traded)
    strategies = [
        evolve(
            await _strategy(each, checked, venues, traded, capital),
            inventory=await inventories.of(each.table, venues),
        )
        for each in checked.strategies
    ]
    return SessionPlan(
        name=config.name,
        strategies=tuple(strategies),
        numeraire=options.numeraire,
        limits=config.risk,
        strategy_limits={
            each.table.name: each.table.risk
            for each in checked.strategies
            if not each.table.risk.is_off
        },
        resume=checked.resume,
        record_inputs=config.journal.record_inputs,
        snapshot_every=config.journal.snapshot_every,
        grace_ns=None if checked.replayed else int(options.bar_grace_s * NS_PER_SECOND),
        stop_deadline_ns=int(options.stop_deadline_s * NS_PER_SECOND),
        fatal_after_ns=int(options.fatal_after_s * NS_PER_SECOND),
        run_for_ns=options.run_for_ns,
        max_tick_age_ns=None if age_ms is None else age_ms * _NS_PER_MS,
        execution=config.execution,
        drift=config.reconciliation,
        margin=config.margin,
    )


def require_strategies(plan: SessionPlan) -> None:
    """
    Refuse strategies that cannot be made of their settings and of what the venues list.

    Each is made once and thrown away. Only what it foresees is refused; a defect is left to the
    supervisor, which isolates it.

    Raises:
        AlgopioneerError: As the strategy says it.
    """
    for each in plan.strategies:
        try:
            each.make()
        except AlgopioneerError:
            raise
        except Exception:  # noqa: S112 - see above: told, and tried again, by the supervisor
            continue


async def _capital(config: SessionConfig, venues: Mapping[str, Venue]) -> Money:
    """Return what shares of capital are shares of: as configured, or what the accounts have."""
    if config.session.capital is not None:
        return config.session.capital
    if all(each.capital is not None for each in config.strategies):
        return ZERO
    total = ZERO
    for venue in venues.values():
        for balance in await venue.execution.balances():
            if balance.asset == config.session.numeraire:
                total += balance.total
    if total <= 0:
        raise RefusedError(
            f"the account has no {config.session.numeraire} for strategies to have a share of",
            where=config.place("session.capital"),
            remedy="state the capital, or give each strategy an amount",
        )
    return total


async def _strategy(
    strategy: CheckedStrategy,
    checked: CheckedSession,
    venues: Mapping[str, Venue],
    traded: Mapping[str, Sequence[Instrument]],
    capital: Money,
) -> StrategyPlan:
    table = strategy.table
    listed = tuple(
        _instrument(each, traded[each.venue], table.place("instruments"))
        for each in table.instruments
    )
    rates = [await venues[each.id.venue].execution.fees(each.id) for each in listed]
    instruments = _with_fees(listed, rates, venues)
    _require_quotes(table, checked.config.session.exit_on, venues)
    _require_a_way_in(table, instruments, strategy.legs)
    share = table.capital_share
    interval_ns = table.interval_ns or _interval(table.instruments, venues, table)
    return StrategyPlan(
        name=table.name,
        make=functools.partial(strategy.spec.load_factory(), strategy.config, instruments),
        instruments=instruments,
        interval_ns=interval_ns,
        origins={
            each: _origin(each, venues[each.venue], interval_ns, table.place("interval"))
            for each in table.instruments
        },
        capital=(table.capital or ZERO) if share is None else mul(share, capital),
        exits=strategy.make_exits(),
        exit_costs=_exit_costs(instruments, rates, checked),
        exit_on_quotes=checked.config.session.exit_on is ExitOn.QUOTE,
        legs=_legs(strategy, checked, venues, interval_ns),
        restarts=table.restart,
        on_exhausted=table.on_exhausted,
        on_remove=table.on_remove,
        history=table.history,
        fingerprint=_fingerprint(strategy),
    )


def _legs(
    strategy: CheckedStrategy,
    checked: CheckedSession,
    venues: Mapping[str, Venue],
    interval_ns: int,
) -> LegRules | None:
    """Return the rules of the legs; None for a strategy of one instrument."""
    if strategy.legs is None:
        return None
    table = strategy.table
    return leg_deadlines(
        strategy.legs,
        is_given=table.deadline_given,
        interval_ns=interval_ns,
        venues=[venues[each.venue].capabilities for each in table.instruments],
        execution=checked.config.execution,
    )


def _require_quotes(table: StrategyTable, exit_on: ExitOn, venues: Mapping[str, Venue]) -> None:
    """Refuse to ask exit policies on quotes that never come; of files it is known only now."""
    for each in table.instruments:
        if exit_on is ExitOn.QUOTE and not pushed_of(venues[each.venue], each).quotes:
            raise RefusedError(
                f"exit_on is quote, and there are no quotes of {each}",
                where=table.place("instruments"),
                remedy='write exit_on = "bar" in [session]',
            )


def _require_a_way_in(
    table: StrategyTable, instruments: tuple[Instrument, ...], rules: LegRules | None
) -> None:
    """
    Refuse a spread neither leg of which can be sold: it could never be opened.

    Where one leg can, spreads that would sell the other one are refused when they are wanted.
    """
    if rules is None:
        return
    problems = [
        short_problem(each, rules.short_mode_of(leg)) for leg, each in enumerate(instruments)
    ]
    if all(problems):
        raise RefusedError(
            problems[0],
            where=table.place("legs.short_mode"),
            remedy="with dual-leg: --set legs.short_mode=inventory, and coins in the account",
        )


def _instrument(wanted: InstrumentId, traded: Sequence[Instrument], where: str) -> Instrument:
    for each in traded:
        if each.id == wanted:
            return each
    near = nearest(wanted.symbol, [each.id.symbol for each in traded])
    raise ConfigError(
        f"venue {wanted.venue!r} does not trade {wanted.symbol!r}",
        where=where,
        remedy=f"did you mean {near!r}?" if near else "see the venue's own list of symbols",
    )


def _interval(ids: Sequence[InstrumentId], venues: Mapping[str, Venue], table: Any) -> int:
    """Return the length of the bars that the venues push, where they all push the same."""
    found = {
        length for each in ids for length in pushed_of(venues[each.venue], each).bar_intervals_ns
    }
    if len(found) != 1:
        raise ConfigError(
            "it is not said how long its bars are",
            where=table.place("interval"),
            remedy='state it: interval = "1m"',
        )
    return found.pop()


def _origin(instrument_id: InstrumentId, venue: Venue, interval_ns: int, where: str) -> BarOrigin:
    """Return what bars of that interval come from at *venue*."""
    there = pushed_of(venue, instrument_id)
    lengths = there.bar_intervals_ns
    if interval_ns in lengths:
        return BarOrigin.PUSHED
    if len(lengths) == 1 and not interval_ns % lengths[0]:
        return BarOrigin.SHORTER
    if there.trades or there.quotes:
        return BarOrigin.TRADES if there.trades else BarOrigin.QUOTES
    offered = ", ".join(format_interval(each) for each in lengths)
    raise ConfigError(
        f"{instrument_id} has no bars of {format_interval(interval_ns)}",
        where=where,
        remedy=f"choose {offered} or a multiple of it" if offered else "choose another venue",
    )


def _with_fees(
    instruments: Sequence[Instrument], rates: Sequence[FeeRates], venues: Mapping[str, Venue]
) -> tuple[Instrument, ...]:
    """
    Return what a strategy is shown: with the account's fees, where a venue lists none.

    In a replay an instrument is what its files say, as in a backtest.
    """
    return tuple(
        each if venues[each.id.venue].capabilities.lockstep else with_rates(each, charged)
        for each, charged in zip(instruments, rates, strict=True)
    )


def _exit_costs(
    instruments: Sequence[Instrument], rates: Sequence[FeeRates], checked: CheckedSession
) -> ExitCosts:
    """Return the dearest way out among the legs: an exit policy knows one set of costs."""
    paper = [checked.venue(each.id.venue).paper_config for each in instruments]
    slippages = [_LIVE_SLIPPAGE if each is None else mul(each.slippage_bps, BPS) for each in paper]
    return ExitCosts(fee=max(each.taker for each in rates), slippage=max(slippages))


def _fingerprint(strategy: CheckedStrategy) -> str:
    """Return what changes when anything of the strategy's configuration does."""
    table = strategy.table
    words = (
        strategy.config,
        table.kind,
        table.instruments,
        table.interval_ns,
        table.capital,
        table.capital_share,
        table.exits,
        strategy.legs,
        table.risk,
    )
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]
