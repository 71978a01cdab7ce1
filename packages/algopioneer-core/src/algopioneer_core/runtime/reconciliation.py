"""
What the venue has against what we think it has, and what follows from each difference.

Pure: `differences` compares, the reconciler acts. Nothing that belongs to somebody else in the
account is ever touched: foreign orders and positions are counted, told once, and left alone.
"""

import enum
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from attrs import frozen

from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Money, Quantity, add, mul, sub, total
from algopioneer_core.domain.orders import Order
from algopioneer_core.settings import not_negative, option, positive

__all__ = [
    "Drift",
    "DriftAction",
    "DriftRules",
    "OrdersCompared",
    "compare_orders",
    "compare_positions",
    "may_be_on_its_way",
    "missing_fills",
]


class DriftAction(enum.Enum):
    """What is done about a position that is not what it should be."""

    TOLERATE = "tolerate"
    """Nothing: it is too little to matter."""
    CORRECT = "correct"
    """It is taken for foreign from now on, and a person is told."""
    HALT = "halt"
    """The strategies of the instrument open nothing more until a person has looked."""


@frozen(kw_only=True)
class DriftRules:
    """
    Where the thresholds lie.

    Raises:
        ConfigError: A value is negative.
    """

    every_s: Decimal = option(
        Decimal(300),
        help="How often a venue is compared with our books without a reason.",
        unit="s",
        validator=positive,
        section="Reconciliation",
    )
    tolerate: Decimal = option(
        Decimal(1),
        help="Largest unexplained position that is left alone.",
        unit="numeraire",
        validator=not_negative,
        section="Reconciliation",
    )
    correct: Decimal = option(
        Decimal(100),
        help="Largest that is taken for somebody else's; above it the instrument halts.",
        unit="numeraire",
        validator=not_negative,
        section="Reconciliation",
    )


@frozen
class Drift:
    """A position at the venue that nothing explains."""

    instrument_id: InstrumentId
    ours: Quantity
    """What all strategies hold together."""
    foreign: Quantity
    """What is known to be somebody else's."""
    theirs: Quantity
    """What the venue says is there."""
    action: DriftAction
    coins: tuple[InstrumentId, ...] = ()
    """Other instruments whose orders move it."""

    @property
    def unexplained(self) -> Quantity:
        """What is there beyond ours and the foreign; negative when something is missing."""
        return sub(self.theirs, add(self.ours, self.foreign))

    @property
    def is_ghost(self) -> bool:
        """Whether it is we who believe in a position that is not there."""
        return bool(self.ours) and (self.unexplained > 0) != (self.ours > 0)

    def text(self) -> str:
        """Say what it is and what to do."""
        what = (
            "a ghost: our books have more than the venue"
            if self.is_ghost
            else "an orphan: the venue has more than our books"
        )
        return (
            f"{self.instrument_id}: the venue has {self.theirs}, our strategies {self.ours}, "
            f"others {self.foreign}; {self.unexplained} is unexplained. It is {what}. "
            "Compare the venue's list of fills with `algopioneer journal show`, close by hand "
            "what should not be there, then resume."
        )


def compare_positions(
    ours: Mapping[InstrumentId, Quantity],
    foreign: Mapping[InstrumentId, Quantity],
    theirs: Mapping[InstrumentId, Quantity],
    marks: Mapping[InstrumentId, Money],
    rules: DriftRules,
    coins: Mapping[InstrumentId, tuple[InstrumentId, ...]] = MappingProxyType({}),
) -> list[Drift]:
    """
    Return the instruments of ours whose position is not explained, in the order of *ours*.

    Args:
        ours: What our strategies hold, by instrument, flat ones included.
        foreign: What was there besides, when it was last looked at.
        theirs: The venue's own list; what is not in it is flat.
        marks: What one unit is worth, in the numeraire; without one a drift is always serious.
        rules: Thresholds.
        coins: Instruments by which the same coins are traded.
    """
    found = []
    for instrument_id, held in ours.items():
        others = foreign.get(instrument_id, ZERO)
        there = theirs.get(instrument_id, ZERO)
        unexplained = sub(there, add(held, others))
        if unexplained:
            action = _action(unexplained, marks.get(instrument_id), rules)
            same = coins.get(instrument_id, ())
            found.append(Drift(instrument_id, held, others, there, action, same))
    return found


def may_be_on_its_way(drift: Drift, working: Iterable[Order]) -> bool:
    """
    Return whether fills of *working* orders that nobody has told us of explain all of *drift*.

    Lists of fills lag behind positions, and a stream that broke may have lost them.
    """
    wanted = drift.unexplained
    most = [
        each.remaining_quantity
        for each in working
        if each.intent.instrument_id in (drift.instrument_id, *drift.coins)
        and (each.intent.side.sign > 0) == (wanted > 0)
    ]
    known = [each for each in most if each is not None]
    return len(known) < len(most) or wanted.copy_abs() <= total(*known)


def _action(quantity: Quantity, mark: Money | None, rules: DriftRules) -> DriftAction:
    if mark is None:
        return DriftAction.HALT
    worth = mul(quantity, mark).copy_abs()
    if worth <= rules.tolerate:
        return DriftAction.TOLERATE
    return DriftAction.CORRECT if worth <= rules.correct else DriftAction.HALT


@frozen
class OrdersCompared:
    """Our working orders against the venue's open ones."""

    confirmed: tuple[Order, ...]
    """The venue's view of those that both have."""
    gone: tuple[str, ...]
    """Ids of ours that the venue does not show as open: their fate has to be asked for."""
    foreign: tuple[Order, ...]
    """Open orders that are not ours."""


def compare_orders(
    working: Iterable[Order], open_orders: Collection[Order], in_flight: Collection[str]
) -> OrdersCompared:
    """
    Compare what works here with what is open there.

    Args:
        working: Orders of ours that may still trade.
        open_orders: All open orders of the account.
        in_flight: Ids of ours that are being sent or asked about right now: not judged.
    """
    ours = {each.client_order_id for each in working}
    there = {each.client_order_id for each in open_orders}
    return OrdersCompared(
        confirmed=tuple(each for each in open_orders if each.client_order_id in ours),
        gone=tuple(
            each.client_order_id
            for each in working
            if each.client_order_id not in there and each.client_order_id not in in_flight
        ),
        foreign=tuple(each for each in open_orders if each.client_order_id not in ours),
    )


def missing_fills(fills: Iterable[Fill], known: Mapping[str, Order]) -> list[Fill]:
    """Return the executions of orders of ours that were not counted yet, oldest first."""
    return [
        fill
        for fill in fills
        if (order := known.get(fill.client_order_id)) is not None
        and fill.fill_id not in order.fill_ids
    ]
