"""
Basis: sell a future that is dear against its spot, buy the spot, and wait until they meet.

The first instrument is the spot, the second the future or perpetual; futures after it are what
that may be rolled into, the next to expire first. What is decided, and with which numbers, is in
`basis_rule`; here is the life of the position around it:

- Both legs are the same amount of base (delta-neutral), so the price level does not matter.
- Funding that the position received or paid counts as earned or lost; too much paid is a stop.
- A contract is left before it expires, unless the configuration says to hold it: rolled into the
  next one where that still has something to earn, else closed.
- After a stop, also one of an exit policy or the risk gate, nothing is opened until a bar at which
  the rule would not have entered.

The position is what the context says it is, as in `pairs`: a wish that was refused, changed or
carried out by somebody else needs no bookkeeping.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple, Self

from algopioneer_core.domain.commands import (
    CloseSpread,
    OpenSpread,
    RollSpread,
    SetTimer,
    StrategyCommand,
)
from algopioneer_core.domain.events import Event, FundingPaid, OrderFilled, TimerFired
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.domain.money import ONE, ZERO, Money, add, decimal_of, mul, plain, total
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_strategies.basis_config import AtExpiry, BasisConfig
from algopioneer_strategies.basis_legs import TradedContract, check_legs, size_of
from algopioneer_strategies.basis_rule import REVERSE, SELL_FUTURE, BasisPrices

__all__ = ["EXPIRY", "EXPIRY_TIMER", "FUNDING", "ROLL", "SIGNAL", "Basis", "BasisReading"]

SIGNAL: Final = "signal"
"""Reason of an exit by the rule."""
EXPIRY: Final = "expiry"
"""Reason of an exit because the contract is about to expire."""
ROLL: Final = "roll"
"""Reason of a move into the next contract."""
FUNDING: Final = "funding"
"""Reason of an exit because too much funding was paid."""
EXPIRY_TIMER: Final = "basis-expiry"
"""Name of the timer that closes the position when no bar does."""


class BasisReading(NamedTuple):
    """What the strategy saw at the latest joint bar; for charts and logs."""

    gross_bps: Decimal
    """The future's price over the spot's, in bps of the spot's."""
    net_bps: Decimal
    """What selling the future now would earn after costs, with the funding expected."""
    funding: Money
    """Quote currency received for the position held; negative when paid."""

    @property
    def spread(self) -> float:
        """The gross basis in bps, for charts."""
        return float(self.gross_bps)

    @property
    def z(self) -> float | None:
        """None: a basis is judged by its size, not by its deviations."""
        return None

    @property
    def hedge_ratio(self) -> Decimal | None:
        """One: both legs are the same amount of base."""
        return ONE


class Basis:
    """
    The basis rule on a spot and a contract, or a chain of them.

    Args:
        config: Thresholds, costs, expiry and size.
        spot: The first leg.
        contracts: What the second leg may be held in: a perpetual, or futures of the same base, the
            next to expire first.

    Raises:
        ConfigError: They do not make a basis, a fee is not known, or the configuration asks for
            what they do not have (an expiry, funding).
    """

    def __init__(self, config: BasisConfig, spot: Instrument, *contracts: Instrument) -> None:
        for each in contracts:
            check_legs(config, spot, each)
        self._spot = spot
        self._contracts = tuple(TradedContract.of(config, spot, each) for each in contracts)
        self._index = 0
        """Which contract is held, or would be."""
        self._size = size_of(config)
        self._sides = (SELL_FUTURE, REVERSE) if config.allow_reverse else (SELL_FUTURE,)
        self._rolls = config.at_expiry is AtExpiry.ROLL
        self._last_ns: int | None = None
        self._step_ns = 0
        """Time between the last two joint bars."""
        self._armed = True
        """Whether an entry is allowed: after a stop only once the rule would not enter."""
        self._held = False
        """Whether a position was seen since the last time both legs were flat."""
        self._leaving: str | None = None
        """Reason of the exit or roll asked for last, while it is not over yet."""
        self._received: Money = ZERO
        """Funding of the position held, quote currency."""
        self._timer_ns: int | None = None
        """For when the timer was set; None when it is not."""
        self._seen: BasisPrices | None = None

    @classmethod
    def make(cls, config: BasisConfig, instruments: Sequence[Instrument]) -> Self:
        """Make the strategy for the spot and its contracts, in the order they were named."""
        spot, *contracts = instruments
        return cls(config, spot, *contracts)

    def requirements(self) -> Requirements:
        """Say that the first joint bar can be decided on."""
        return Requirements()

    @property
    def reading(self) -> BasisReading:
        """What was seen at the latest joint bar; no basis at all before the first."""
        if self._seen is None:
            return BasisReading(ZERO, ZERO, self._received)
        rule = self._contract.rule
        return BasisReading(
            rule.gross_bps(self._seen), rule.net_bps(SELL_FUTURE, self._seen), self._received
        )

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Decide on a joint bar; count funding; leave when the timer before expiry fires."""
        match event:
            case JointBar():
                return self._on_bar(event, context)
            case FundingPaid():
                self._count_funding(event, context)
            case OrderFilled() if self._is_held(context):
                self._held = True
            case TimerFired() if event.name == EXPIRY_TIMER:
                return self._on_timer(event.ts_event, context)
        return ()

    def _on_bar(self, joint: JointBar, context: StrategyContext) -> Iterable[StrategyCommand]:
        now_ns, bars = joint.ts_event, {bar.instrument_id: bar for bar in joint.bars}
        self._step_ns = 0 if self._last_ns is None else now_ns - self._last_ns
        self._last_ns = now_ns
        self._choose(bars, now_ns, context)
        late = self._contract.is_late(now_ns, self._step_ns)
        prices = self._prices(self._contract, bars)
        if self._is_held(context):
            return self._decide_held(prices, bars, late, context)
        if late and context.has_working_orders:
            return self._leave_for_expiry(context)  # an entry that has not been filled yet
        if self._held:
            self._note_flat()
        return () if prices is None else self._decide_flat(prices, late, context)

    @property
    def _contract(self) -> TradedContract:
        return self._contracts[self._index]

    def _choose(
        self, bars: Mapping[InstrumentId, Bar], now_ns: int, context: StrategyContext
    ) -> None:
        """Find the contract that is held; when none is, the first that can still be entered."""
        held = [
            index
            for index, each in enumerate(self._contracts)
            if context.quantity(each.instrument.id)
        ]
        if held:
            self._index = held[-1]
        elif not context.has_working_orders and not context.quantity(self._spot.id):
            there = [
                index
                for index, each in enumerate(self._contracts)
                if each.instrument.id in bars and not each.is_late(now_ns, self._step_ns)
            ]
            self._index = there[0] if there else self._index

    def _prices(
        self, contract: TradedContract, bars: Mapping[InstrumentId, Bar]
    ) -> BasisPrices | None:
        """Return what the contract and the spot cost now; None where one has no bar."""
        spot, future = bars.get(self._spot.id), bars.get(contract.instrument.id)
        if spot is None or future is None:
            return None
        prices = BasisPrices.of(spot, future, contract.expiry_ns)
        if contract is self._contract:
            self._seen = prices
        return prices

    def _is_held(self, context: StrategyContext) -> bool:
        legs = (self._spot, *(each.instrument for each in self._contracts))
        return any(context.quantity(each.id) for each in legs)

    # --- flat --------------------------------------------------------------------------------

    def _note_flat(self) -> None:
        """Forget the position; unless the strategy left it itself, something stopped it."""
        if self._leaving is None:
            self._armed = False
        self._held, self._leaving, self._received = False, None, ZERO

    def _decide_flat(
        self, prices: BasisPrices, late: bool, context: StrategyContext
    ) -> Iterable[StrategyCommand]:
        side = self._side_to_enter(prices)
        if side is None:
            self._armed = True
            return ()
        if not self._armed or late or prices.time_left_ns == 0 or context.has_working_orders:
            return ()
        buy, sell = self._spot.id, self._contract.instrument.id
        if side == REVERSE:
            buy, sell = sell, buy
        return (OpenSpread(buy=buy, sell=sell, size=self._size), *self._timer())

    def _side_to_enter(self, prices: BasisPrices) -> int | None:
        rule = self._contract.rule
        return next((side for side in self._sides if rule.enters(side, prices)), None)

    def _timer(self) -> Iterable[StrategyCommand]:
        """Return the timer that leaves in time when bars are far apart, unless it is set."""
        deadline_ns = self._contract.deadline_ns
        if deadline_ns is None or self._timer_ns == deadline_ns:
            return ()
        self._timer_ns = deadline_ns
        return (SetTimer(EXPIRY_TIMER, deadline_ns),)

    # --- in a position -----------------------------------------------------------------------

    def _decide_held(
        self,
        prices: BasisPrices | None,
        bars: Mapping[InstrumentId, Bar],
        late: bool,
        context: StrategyContext,
    ) -> Iterable[StrategyCommand]:
        self._held = True
        if not self._armed and prices is not None:
            self._armed = self._side_to_enter(prices) is None
        if late or not self._is_in_place(context):
            return self._leave_contract(bars, context)
        if context.has_working_orders or prices is None:
            return self._timer()
        self._leaving = reason = self._reason_to_leave(prices, context)
        if reason is None:
            return self._timer()
        if reason == FUNDING:
            self._armed = False
        return (CloseSpread(reason=reason, stop=reason == FUNDING),)

    def _reason_to_leave(self, prices: BasisPrices, context: StrategyContext) -> str | None:
        earned, rule = self._earned(context), self._contract.rule
        if rule.paid_too_much(earned):
            return FUNDING
        return SIGNAL if rule.leaves(self._side_held(context), prices, earned) else None

    def _side_held(self, context: StrategyContext) -> int:
        held = total(*(context.quantity(each.instrument.id) for each in self._contracts))
        short = held.copy_negate() or context.quantity(self._spot.id)
        return SELL_FUTURE if short > 0 else REVERSE

    def _earned(self, context: StrategyContext) -> Fraction:
        """Return the funding received over the spot leg's worth; 0 while that leg is flat."""
        quantity = context.quantity(self._spot.id)
        if not self._received or not quantity:
            return Fraction(0)
        spot = self._spot
        worth = Fraction(quantity.copy_abs()) * Fraction(spot.multiplier)
        if not spot.inverse:
            mark = context.mark(spot.id)
            if mark is None:
                return Fraction(0)
            worth *= Fraction(mark)
        return Fraction(self._received) / worth

    # --- expiry ------------------------------------------------------------------------------

    def _is_in_place(self, context: StrategyContext) -> bool:
        """Return whether nothing is held in an earlier contract than the present one."""
        earlier = self._contracts[: self._index]
        return not any(context.quantity(each.instrument.id) for each in earlier)

    def _leave_contract(
        self, bars: Mapping[InstrumentId, Bar], context: StrategyContext
    ) -> Iterable[StrategyCommand]:
        """Roll where that is wanted, possible and worth it; close where it is not, in time."""
        if self._leaving == ROLL and context.has_working_orders:
            return ()
        successor = self._successor(bars, context)
        if successor is None:
            return self._leave_for_expiry(context)
        if self._leaving == ROLL and self._is_last_chance(context):
            return self._leave_for_expiry(context)
        self._leaving = ROLL
        return (RollSpread(successor.instrument.id),)

    def _successor(
        self, bars: Mapping[InstrumentId, Bar], context: StrategyContext
    ) -> TradedContract | None:
        """Return what to roll into; None where the position is to be closed instead."""
        if not self._rolls or context.has_working_orders:
            return None
        if not self._is_in_place(context):
            return self._contract  # what a roll has begun
        now_ns = self._last_ns or 0
        for each in self._contracts[self._index + 1 :]:
            prices = self._prices(each, bars)
            if prices is not None and not each.is_late(now_ns, self._step_ns):
                leaves = each.rule.leaves(self._side_held(context), prices, Fraction(0))
                return None if leaves else each
        return None

    def _is_last_chance(self, context: StrategyContext) -> bool:
        """Return whether the earliest contract held may expire before the next bar."""
        held = (each for each in self._contracts if context.quantity(each.instrument.id))
        first = next(held, self._contract)
        return first.expires_by((self._last_ns or 0) + self._step_ns)

    def _leave_for_expiry(self, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Close at once, also what is being opened; wait while that is on its way."""
        if self._leaving == EXPIRY and context.has_working_orders:
            return ()
        self._leaving = EXPIRY
        return (CloseSpread(reason=EXPIRY, stop=True),)

    def _on_timer(self, now_ns: int, context: StrategyContext) -> Iterable[StrategyCommand]:
        self._timer_ns = None
        deadline_ns = self._contract.deadline_ns
        if deadline_ns is None or now_ns < deadline_ns or self._leaving == ROLL:
            return ()
        if self._is_held(context) or context.has_working_orders:
            return self._leave_for_expiry(context)
        return ()

    def _count_funding(self, event: FundingPaid, context: StrategyContext) -> None:
        """Add what was received to the position's, in quote at the spot's mark."""
        if not self._is_held(context):
            return
        amount, contract = event.amount, self._contract.instrument
        if event.asset != contract.quote:
            mark = context.mark(self._spot.id)
            if event.asset != contract.base or mark is None:
                return  # an asset without a price here: the ledger has it, the rule cannot
            amount = mul(amount, mark)
        self._received = add(self._received, amount)

    # --- state -------------------------------------------------------------------------------

    def snapshot(self) -> Mapping[str, object]:
        """Return the funding of the position, what a stop has barred, the contract, and when."""
        return {
            "received": plain(self._received),
            "armed": self._armed,
            "held": self._held,
            "leaving": self._leaving,
            "last_ns": self._last_ns,
            "contract": self._index,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from `snapshot`; the timer is set again at the first bar."""
        received, leaving, last_ns = (state[key] for key in ("received", "leaving", "last_ns"))
        assert isinstance(received, str)
        assert leaving is None or isinstance(leaving, str)
        assert last_ns is None or isinstance(last_ns, int)
        self._received, self._leaving, self._last_ns = decimal_of(received), leaving, last_ns
        self._armed, self._held = bool(state["armed"]), bool(state["held"])
        index = state["contract"]
        assert isinstance(index, int)
        self._index = index
