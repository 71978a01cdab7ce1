"""Why a session and a backtest of it part: the classes, and what is known about a session."""

import enum
from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import field, frozen

from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, mul

__all__ = ["Cause", "Evidence", "Fact"]


class Cause(enum.Enum):
    """The class of a divergence."""

    DATA_GAP = "data gap"
    """One of the two lacks a bar, or had it too late to act on it."""
    UNFINISHED_BAR = "unfinished bar"
    """The session decided on a bar before it was finished."""
    LATENCY = "latency"
    """An order traded in another bar, in parts over several, or not at all."""
    FILL_PRICE = "fill price"
    """An order traded in the same bar at another price."""
    ROUNDING = "rounding"
    """A number is the other one on a coarser grid."""
    FEE = "fee"
    """The same trade cost another share of its value, or something else was charged."""
    CONFIGURATION = "configuration"
    """Another parameter, limit, capital, or other data."""
    INTERVENTION = "intervention"
    """A person, a crash, a restart or a refusal of the venue, of which no backtest knows."""
    UNEXPLAINED = "unexplained"
    """Nothing differs but the decision: the strategy is not deterministic, or its code changed."""

    __hash__ = object.__hash__  # members are single objects


@frozen
class Fact:
    """Something of a session that a backtest of it has otherwise, or not at all."""

    ts_ns: int
    """When, UTC nanoseconds; of a bar, its close."""
    cause: Cause
    """The class of a divergence that comes of it."""
    text: str
    instrument_ids: frozenset[InstrumentId] = frozenset()
    """What it is about; nothing where it is about the whole strategy."""


@frozen(kw_only=True)
class Evidence:
    """What is known about a session besides its decisions."""

    interval_ns: int
    """Length of the strategy's bars."""
    anchor_ns: int
    """The close of any of its bars."""
    bars: Sequence[Fact] = ()
    """How its bars differ from those there were, by time."""
    events: Sequence[Fact] = ()
    """What happened to it, by time."""
    configuration: str = ""
    """How its configuration is known to differ; empty where it is not."""
    instruments: Mapping[InstrumentId, Instrument] = field(factory=dict)
    """With the grids that prices and quantities are on."""

    def opened_ns(self, ts_ns: int) -> int:
        """Return when the bar opened in which *ts_ns* lies; its open belongs to it."""
        return ts_ns - (ts_ns - self.anchor_ns) % self.interval_ns

    def price_step(self, instrument_id: InstrumentId) -> Decimal:
        """Return the grid of an instrument's prices; zero where none is known."""
        found = self.instruments.get(instrument_id)
        if found is None or found.price_increment is None:
            return ZERO
        return found.price_increment.step

    def quantity_step(self, instrument_id: InstrumentId) -> Decimal:
        """Return the grid of an instrument's quantities; zero where none is known."""
        found = self.instruments.get(instrument_id)
        return ZERO if found is None else found.quantity_increment.step

    def value(self, fill: Fill) -> Money:
        """Return what was traded in *fill*, in the settlement asset of its instrument."""
        found = self.instruments.get(fill.instrument_id)
        if found is None:
            return mul(fill.quantity, fill.price)
        return found.value(fill.quantity, fill.price)
