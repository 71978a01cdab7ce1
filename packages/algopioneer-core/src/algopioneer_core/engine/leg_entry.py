"""What is decided before a spread is opened: its size, and whether it may be opened at all."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from algopioneer_core.domain.commands import OpenSpread
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, mul, neg, plain
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.engine.leg_guards import entry_problem, quote_worth
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.spread_sizing import SizedSpread, size_spread

__all__ = ["EntryPlan", "plan_entry", "short_problem"]

_CHOICES = "short_mode inventory, margin or derivative"


class EntryPlan(NamedTuple):
    """A spread that may be opened."""

    targets: dict[InstrumentId, Quantity]
    """Signed full size of each leg, in the configured order."""
    leg_notional: Money
    """Value of the larger leg at the decision prices: what one whole leg of residual is worth."""


def plan_entry(
    wish: OpenSpread,
    legs: tuple[Instrument, Instrument],
    portfolio: Portfolio,
    rules: LegRules,
    inventory: Mapping[InstrumentId, Quantity],
    down: Collection[str],
    now_ns: int,
    ended_ns: int | None,
) -> EntryPlan:
    """
    Return the plan of a spread.

    Args:
        wish: What the strategy wants.
        legs: Its first and second instrument.
        portfolio: Its books, with the marks of both legs.
        rules: Guards and short mode.
        inventory: Holdings set aside for legs that are sold out of inventory.
        down: Venues that cannot be traded at now.
        now_ns: Time of the decision, UTC nanoseconds.
        ended_ns: When the last spread ended; None when there was none.

    Raises:
        RefusedError: It must not be opened; the message says why.
    """
    first, second = legs
    if {wish.buy, wish.sell} != {first.id, second.id}:
        raise RefusedError(
            f"a spread of {wish.buy} and {wish.sell} is not of the strategy's two instruments",
            remedy="name both instruments in the strategy's configuration",
        )
    prices = _prices(legs, portfolio)
    sized = _sized(wish, legs, prices, portfolio)
    buys_first = wish.buy == first.id
    targets = {
        first.id: sized.first if buys_first else neg(sized.first),
        second.id: neg(sized.second) if buys_first else sized.second,
    }
    problem = (
        _closed(legs, down)
        or _short(wish, legs, rules, inventory, targets)
        or entry_problem(rules, portfolio, legs, prices, sized, now_ns, ended_ns)
    )
    if problem:
        raise RefusedError(problem, where=" / ".join(targets))
    larger = max(
        quote_worth(first, sized.first, prices[0]), quote_worth(second, sized.second, prices[1])
    )
    return EntryPlan(targets, larger)


def short_problem(instrument: Instrument, mode: ShortMode) -> str:
    """Return why *instrument* cannot be the leg that is sold; empty when it can."""
    if mode is ShortMode.NONE:
        return f"{instrument.id} would be sold short and short_mode is none; choose {_CHOICES}"
    if mode is ShortMode.MARGIN and not instrument.shortable:
        return f"{instrument.id} cannot be sold short; choose short_mode inventory or derivative"
    contract = instrument.kind in (InstrumentKind.FUTURE, InstrumentKind.PERPETUAL)
    if mode is ShortMode.DERIVATIVE and not contract:
        return f"{instrument.id} is no future or perpetual, as short_mode derivative needs"
    return ""


def _short(
    wish: OpenSpread,
    legs: tuple[Instrument, Instrument],
    rules: LegRules,
    inventory: Mapping[InstrumentId, Quantity],
    targets: Mapping[InstrumentId, Quantity],
) -> str:
    sold = 0 if legs[0].id == wish.sell else 1
    mode = rules.short_mode_of(sold)
    if mode is ShortMode.INVENTORY:
        has, needs = inventory.get(wish.sell, ZERO), targets[wish.sell].copy_abs()
        if needs <= has:
            return ""
        return f"selling {plain(needs)} of {wish.sell} needs more than {plain(has)} held"
    return short_problem(legs[sold], mode)


def _closed(legs: tuple[Instrument, Instrument], down: Collection[str]) -> str:
    if not down:
        return ""
    venues = [each.id.venue for each in legs if each.id.venue in down]
    return f"{venues[0]} is down or closed" if venues else ""


def _prices(legs: tuple[Instrument, Instrument], portfolio: Portfolio) -> tuple[Price, Price]:
    first, second = portfolio.mark(legs[0].id), portfolio.mark(legs[1].id)
    if first is None or second is None:
        missing = legs[0].id if first is None else legs[1].id
        raise RefusedError("a leg has no price yet", where=missing, remedy="wait for its feed")
    return first, second


def _sized(
    wish: OpenSpread,
    legs: tuple[Instrument, Instrument],
    prices: tuple[Price, Price],
    portfolio: Portfolio,
) -> SizedSpread:
    equity = portfolio.equity
    if legs[0].inverse and portfolio.numeraire == legs[0].base:  # both settle in base
        equity = mul(equity, prices[0])
    return size_spread(legs, prices, wish.size, wish.hedge_ratio, equity)
