"""
Basis: sell a future that is dear against its spot, buy the spot, and wait until they meet.

The first instrument is the spot, the second the future or perpetual. What is decided, and with
which numbers, is in `basis_rule`; here is the life of the position around it:

- Both legs are the same amount of base (delta-neutral), so the price level does not matter.
- Funding that the position received or paid counts as earned or lost; too much paid is a stop.
- A contract is left before it expires, unless the configuration says to hold it.
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
    SetTimer,
    StrategyCommand,
)
from algopioneer_core.domain.events import Event, FundingPaid, OrderFilled, TimerFired
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import JointBar
from algopioneer_core.domain.money import ONE, ZERO, Money, add, decimal_of, mul, plain, scaled
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_strategies.basis_config import AtExpiry, BasisConfig
from algopioneer_strategies.basis_legs import check_legs, fee_bps, size_of
from algopioneer_strategies.basis_rule import REVERSE, SELL_FUTURE, BasisPrices, BasisRule

__all__ = ["EXPIRY", "EXPIRY_TIMER", "FUNDING", "SIGNAL", "Basis", "BasisReading"]

SIGNAL: Final = "signal"
"""Reason of an exit by the rule."""
EXPIRY: Final = "expiry"
"""Reason of an exit because the contract is about to expire."""
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
    The basis rule on a spot and a contract.

    Args:
        config: Thresholds, costs, expiry and size.
        spot: The first leg.
        future: The second leg, a future or perpetual of the same base.

    Raises:
        ConfigError: The two do not make a basis, a fee is not known, or the configuration asks
            for what they do not have (an expiry, funding).
    """

    def __init__(self, config: BasisConfig, spot: Instrument, future: Instrument) -> None:
        check_legs(config, spot, future)
        self._legs = spot, future
        self._spot, self._future = spot.id, future.id
        self._rule = BasisRule(
            config,
            fee_bps(spot, "spot_fee_bps", config.spot_fee_bps),
            fee_bps(future, "future_fee_bps", config.future_fee_bps),
        )
        self._size = size_of(config)
        self._sides = (SELL_FUTURE, REVERSE) if config.allow_reverse else (SELL_FUTURE,)
        expiries = [each.expiry_ns for each in self._legs if each.expiry_ns is not None]
        self._expiry_ns = min(expiries, default=None)
        self._deadline_ns = None
        """From when nothing may be held; None when there is no such time."""
        if self._expiry_ns is not None and config.at_expiry is AtExpiry.CLOSE:
            self._deadline_ns = self._expiry_ns - scaled(config.close_before_expiry_s, 9)
        self._last_ns: int | None = None
        self._armed = True
        """Whether an entry is allowed: after a stop only once the rule would not enter."""
        self._held = False
        """Whether a position was seen since the last time both legs were flat."""
        self._leaving: str | None = None
        """Reason of the exit asked for last, while the position is not flat yet."""
        self._received: Money = ZERO
        """Funding of the position held, quote currency."""
        self._timer_is_set = False
        self._seen: BasisPrices | None = None

    @classmethod
    def make(cls, config: BasisConfig, instruments: Sequence[Instrument]) -> Self:
        """Make the strategy for spot and future, in the order they were named."""
        spot, future = instruments
        return cls(config, spot, future)

    def requirements(self) -> Requirements:
        """Say that the first joint bar can be decided on."""
        return Requirements()

    @property
    def reading(self) -> BasisReading:
        """What was seen at the latest joint bar; no basis at all before the first."""
        if self._seen is None:
            return BasisReading(ZERO, ZERO, self._received)
        return BasisReading(
            self._rule.gross_bps(self._seen),
            self._rule.net_bps(SELL_FUTURE, self._seen),
            self._received,
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
        spot, future = joint.bars
        self._seen = prices = BasisPrices.of(spot, future, self._expiry_ns)
        late = self._is_late(joint.ts_event)
        self._last_ns = joint.ts_event
        if self._is_held(context):
            return self._decide_held(prices, late, context)
        if late and context.has_working_orders:
            return self._leave_for_expiry(context)  # an entry that has not been filled yet
        if self._held:
            self._note_flat()
        return self._decide_flat(prices, late, context)

    def _is_held(self, context: StrategyContext) -> bool:
        return bool(context.quantity(self._spot) or context.quantity(self._future))

    def _is_late(self, now_ns: int) -> bool:
        """Return whether this is the last bar at which to leave before expiry, or past it."""
        if self._deadline_ns is None or self._expiry_ns is None:
            return False
        step = 0 if self._last_ns is None else now_ns - self._last_ns
        return now_ns >= self._deadline_ns or now_ns + step >= self._expiry_ns

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
        buy, sell = self._spot, self._future
        if side == REVERSE:
            buy, sell = sell, buy
        return (OpenSpread(buy=buy, sell=sell, size=self._size), *self._timer())

    def _side_to_enter(self, prices: BasisPrices) -> int | None:
        return next((side for side in self._sides if self._rule.enters(side, prices)), None)

    def _timer(self) -> Iterable[StrategyCommand]:
        """Return the timer that leaves in time when bars are far apart, unless it is set."""
        if self._deadline_ns is None or self._timer_is_set:
            return ()
        self._timer_is_set = True
        return (SetTimer(EXPIRY_TIMER, self._deadline_ns),)

    # --- in a position -----------------------------------------------------------------------

    def _decide_held(
        self, prices: BasisPrices, late: bool, context: StrategyContext
    ) -> Iterable[StrategyCommand]:
        self._held = True
        if not self._armed:
            self._armed = self._side_to_enter(prices) is None
        if late:
            return self._leave_for_expiry(context)
        if context.has_working_orders:
            return self._timer()
        self._leaving = reason = self._reason_to_leave(prices, context)
        if reason is None:
            return self._timer()
        if reason == FUNDING:
            self._armed = False
        return (CloseSpread(reason=reason, stop=reason == FUNDING),)

    def _reason_to_leave(self, prices: BasisPrices, context: StrategyContext) -> str | None:
        earned = self._earned(context)
        if self._rule.paid_too_much(earned):
            return FUNDING
        return SIGNAL if self._rule.leaves(self._side_held(context), prices, earned) else None

    def _side_held(self, context: StrategyContext) -> int:
        short = context.quantity(self._future).copy_negate() or context.quantity(self._spot)
        return SELL_FUTURE if short > 0 else REVERSE

    def _earned(self, context: StrategyContext) -> Fraction:
        """Return the funding received over the spot leg's worth; 0 while that leg is flat."""
        quantity = context.quantity(self._spot)
        if not self._received or not quantity:
            return Fraction(0)
        spot = self._legs[0]
        worth = Fraction(quantity.copy_abs()) * Fraction(spot.multiplier)
        if not spot.inverse:
            mark = context.mark(self._spot)
            if mark is None:
                return Fraction(0)
            worth *= Fraction(mark)
        return Fraction(self._received) / worth

    def _leave_for_expiry(self, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Close at once, also what is being opened; wait while that is on its way."""
        if self._leaving == EXPIRY and context.has_working_orders:
            return ()
        self._leaving = EXPIRY
        return (CloseSpread(reason=EXPIRY, stop=True),)

    def _on_timer(self, now_ns: int, context: StrategyContext) -> Iterable[StrategyCommand]:
        self._timer_is_set = False
        if self._deadline_ns is None or now_ns < self._deadline_ns:
            return ()
        if self._is_held(context) or context.has_working_orders:
            return self._leave_for_expiry(context)
        return ()

    def _count_funding(self, event: FundingPaid, context: StrategyContext) -> None:
        """Add what was received to the position's, in quote at the spot's mark."""
        if not self._is_held(context):
            return
        amount = event.amount
        if event.asset != self._legs[1].quote:
            mark = context.mark(self._spot)
            if event.asset != self._legs[1].base or mark is None:
                return  # an asset without a price here: the ledger has it, the rule cannot
            amount = mul(amount, mark)
        self._received = add(self._received, amount)

    # --- state -------------------------------------------------------------------------------

    def snapshot(self) -> Mapping[str, object]:
        """Return the funding of the position, what a stop has barred, and the last bar's time."""
        return {
            "received": plain(self._received),
            "armed": self._armed,
            "held": self._held,
            "leaving": self._leaving,
            "last_ns": self._last_ns,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from `snapshot`; the timer is set again at the first bar."""
        received, leaving, last_ns = (state[key] for key in ("received", "leaving", "last_ns"))
        assert isinstance(received, str)
        assert leaving is None or isinstance(leaving, str)
        assert last_ns is None or isinstance(last_ns, int)
        self._received, self._leaving, self._last_ns = decimal_of(received), leaving, last_ns
        self._armed, self._held = bool(state["armed"]), bool(state["held"])
