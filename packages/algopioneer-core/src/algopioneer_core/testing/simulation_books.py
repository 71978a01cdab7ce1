"""
What must hold at every moment of a simulation, counted on the venue's books.

After each event that an engine has handled, and after each step of the market:

- no duplicate order: an intent has at most one accepted order, and it was on the disk before;
- reconciled first: nothing new is opened before the venue was asked what it has, since its private
  stream was opened last;
- nothing invented: no engine has more of an order than was executed;
- the limits: nothing accepted takes the strategies together above the largest gross exposure;
- the legs: at most one leg is at risk, the two stand against each other, and while the venue
  answers they are uneven no longer than the rules and the venue's own delays allow, unless the pair
  is halted.
"""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Final

from attrs import define, field

from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, Money, Quantity, add, mul, sub
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.journal.codec import decode
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.simulation_strategies import LEG_NOTIONAL
from algopioneer_core.testing.simulation_venue import SimulatedVenue

__all__ = ["BookKeeper", "InvariantBroken", "difference"]

_INTENT: Final = EntryKind.INTENT.value
_DRIFT: Final = Decimal("0.05")
"""By how much prices may move between a decision and what the books show, as a fraction."""
_UNEVEN: Final = Decimal("0.15")
"""Difference of the legs' values, of one leg, that is more than prices moving apart."""
_PATIENCE_NS: Final = 150 * NS_PER_SECOND
"""How long legs may be uneven while all is well: all corrections that the rules allow, one after
the other, because quotes were too thin to fill an order at once."""
_SILENCE_NS: Final = 45 * NS_PER_SECOND
"""How long, meanwhile, no correction may go out: the rules' deadline, and a step of the market."""


class InvariantBroken(AssertionError):
    """Something that must never happen has happened."""


@define(eq=False)
class BookKeeper:
    """
    Watches one venue and the disk of whoever trades there.

    Args:
        venue: The truth.
        disk: What is durable.
        max_gross: The session's limit, USD; None without.
    """

    venue: SimulatedVenue
    disk: MemoryDisk
    max_gross: Money | None
    intents: dict[str, tuple[str, Order]] = field(factory=dict)
    """Strategy and order of each durable intent, by id."""
    held: dict[tuple[str, InstrumentId], Quantity] = field(factory=dict)
    """What each strategy's executed orders add up to."""
    excused_until_ns: int = 0
    """Until when something was wrong that excuses a delay, UTC nanoseconds."""
    lost: dict[str, None] = field(factory=dict)
    """Ids of orders whose intent a dishonest disk has lost: nobody can know them as ours."""
    disturbed: dict[InstrumentId, None] = field(factory=dict)
    """Instruments that such orders, or somebody else's, have traded: to be told of."""
    checks: int = 0
    _marked_ns: int = 0
    _moved: dict[str, None] = field(factory=dict)
    _rows: int = 0
    _lost_rows: int = 0
    _foreign_fills: int = 0
    _accepted: dict[str, None] = field(factory=dict)
    _executed: dict[str, Quantity] = field(factory=dict)
    _fills: int = 0
    _uneven_since: dict[str, int] = field(factory=dict)
    _ordered_ns: dict[str, int] = field(factory=dict)
    _spreads: Mapping[str, tuple[Instrument, Instrument]] = field(init=False)
    _instruments: Mapping[InstrumentId, Instrument] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._spreads = self.venue.traded.spreads
        self._instruments = {each.id: each for each in self.venue.traded}

    def check(self, floor: Floor | None, now_ns: int) -> None:
        """
        Check everything that must hold now.

        Args:
            floor: The strategies that run; None while the process is down.
            now_ns: The time, UTC nanoseconds.

        Raises:
            InvariantBroken: Something does not.
        """
        self.checks += 1
        if len(self.disk.lost) != self._lost_rows:
            self._note_lost_rows()
        if len(self.venue.accepted) != len(self._accepted):
            self._take_orders(now_ns)
        if len(self.venue.executed) != self._fills:
            self._take_fills()
        if len(self.venue.executed_foreign) != self._foreign_fills:
            self._note_foreign_fills()
        if floor is not None:
            self._check_engines(floor)
        for name in self._spreads_to_check(floor):
            self._check_legs(name, self._spreads[name], floor, now_ns)
        self._moved.clear()

    def _spreads_to_check(self, floor: Floor | None) -> Collection[str]:
        """Return those of which something changed, or that are uneven, so that time counts."""
        marked_ns = self.venue.books.now_ns
        if marked_ns != self._marked_ns or floor is None:
            self._marked_ns = marked_ns
            return self._spreads
        if not (self._moved or self._uneven_since):
            return ()
        return [each for each in self._spreads if each in self._moved or each in self._uneven_since]

    def audit(self, floor: Floor | None, now_ns: int) -> None:
        """
        Count everything again from the beginning, and check all of it.

        `check` looks only at what has changed; this says that nothing has escaped it.

        Raises:
            InvariantBroken: Something does not hold, or was not counted when it happened.
        """
        self.check(floor, now_ns)
        held: dict[tuple[str, InstrumentId], Quantity] = dict.fromkeys(self.held, ZERO)
        for fill in self.venue.executed:
            if fill.client_order_id not in self.lost:
                place = self.intents[fill.client_order_id][0], fill.instrument_id
                held[place] = add(held.get(place, ZERO), fill.signed_quantity)
        if held != self.held:
            raise InvariantBroken(f"{self.held} is what was counted, and {held} was executed")
        on_disk = {row.key for row in self.disk.rows(0) if row.kind == _INTENT}
        for client_order_id in self.venue.accepted:
            if client_order_id not in self.lost and client_order_id not in on_disk:
                raise InvariantBroken(f"order {client_order_id} is not on the disk any more")
        for name, legs in self._spreads.items():
            self._check_legs(name, legs, floor, now_ns)

    def _at(self, place: tuple[str, InstrumentId]) -> Quantity:
        return self.held.get(place, ZERO)

    # --- what nobody can know ----------------------------------------------------------------

    def _note_lost_rows(self) -> None:
        """Take orders whose intent is lost out of the books: they are foreign from now on."""
        for row in self.disk.lost[self._lost_rows :]:
            self._lost_rows += 1
            self._rows = min(self._rows, row.sequence - 1)
            if row.kind == _INTENT:
                self.lost[row.key] = None
                strategy, order = self.intents.pop(row.key, (row.strategy, decode(row.body)))
                executed = mul(self._executed.get(row.key, ZERO), order.intent.side.sign)
                place = strategy, order.intent.instrument_id
                self.held[place] = sub(self._at(place), executed)
                self._moved[strategy] = None
                self.disturbed[order.intent.instrument_id] = None

    # --- orders ------------------------------------------------------------------------------

    def _take_orders(self, now_ns: int) -> None:
        for client_order_id in self._new_orders():
            if client_order_id not in self.lost:
                self._check_accepted(client_order_id)
                self._ordered_ns[self.intents[client_order_id][0]] = now_ns

    def _new_orders(self) -> Iterator[str]:
        accepted = self.venue.accepted
        for client_order_id in accepted[len(self._accepted) :]:
            if client_order_id in self._accepted:
                raise InvariantBroken(f"order {client_order_id} was accepted twice")
            self._accepted[client_order_id] = None
            yield client_order_id

    def _check_accepted(self, client_order_id: str) -> None:
        if client_order_id not in self.intents:
            self._read_intents()
        if client_order_id not in self.intents:
            raise InvariantBroken(f"order {client_order_id} is at the venue and not on the disk")
        _, order = self.intents[client_order_id]
        if not order.intent.reduce_only and client_order_id in self.venue.hasty:
            raise InvariantBroken(
                f"order {client_order_id} went out before anybody asked what the stream had missed"
            )
        if self.max_gross is not None and not order.intent.reduce_only:
            gross = self._gross()
            if gross > mul(self.max_gross, 1 + _DRIFT):
                raise InvariantBroken(
                    f"order {client_order_id} takes the gross exposure to {gross}, "
                    f"above {self.max_gross}"
                )

    def _read_intents(self) -> None:
        for row in self.disk.rows(self._rows):
            self._rows = row.sequence
            if row.kind == _INTENT:
                self.intents[row.key] = row.strategy, decode(row.body)

    def _gross(self) -> Money:
        """Return what all strategies have at risk, what their open orders may add included."""
        buys, sells = dict(self.held), dict(self.held)
        for order in self.venue.books.working():
            name, _ = self.intents.get(order.client_order_id, ("", None))
            if name:  # else it is somebody else's
                place = name, order.intent.instrument_id
                wanted, held = order.remaining_quantity or ZERO, self._at(place)
                side = buys if order.intent.side is Side.BUY else sells
                side[place] = add(side.get(place, held), mul(wanted, order.intent.side.sign))
        total = ZERO
        for place in buys | sells:
            held = self._at(place)
            most = max(each.get(place, held).copy_abs() for each in (buys, sells))
            total = add(total, self._value(self._instruments[place[1]], most))
        return total

    def _value(self, instrument: Instrument, quantity: Quantity) -> Money:
        mark = self.venue.books.account.mark(instrument.id)
        return ZERO if mark is None else instrument.value(quantity, mark)

    # --- fills -------------------------------------------------------------------------------

    def _take_fills(self) -> None:
        executed = self.venue.executed
        for fill in executed[self._fills :]:
            self._book(fill)
        self._fills = len(executed)

    def _note_foreign_fills(self) -> None:
        foreign = self.venue.executed_foreign
        new = foreign[self._foreign_fills :]
        self.disturbed.update((fill.instrument_id, None) for fill in new)
        self._foreign_fills = len(foreign)

    def _book(self, fill: Fill) -> None:
        key = fill.client_order_id
        if key in self.lost:
            return
        self._executed[key] = add(self._executed.get(key, ZERO), fill.quantity)
        place = self.intents[key][0], fill.instrument_id
        self.held[place] = add(self._at(place), fill.signed_quantity)
        self._moved[place[0]] = None

    def _check_engines(self, floor: Floor) -> None:
        for runner in floor.runners.values():
            for order in runner.engine.orders.working.values():
                if not order.filled_quantity:  # as most that work
                    continue
                executed = self._executed.get(order.client_order_id, ZERO)
                if order.filled_quantity > executed:
                    raise InvariantBroken(
                        f"{runner.name} has {order.filled_quantity} of {order.client_order_id}, "
                        f"of which {executed} was executed"
                    )

    # --- legs --------------------------------------------------------------------------------

    def _check_legs(
        self, name: str, legs: tuple[Instrument, Instrument], floor: Floor | None, now_ns: int
    ) -> None:
        if not any(self.held.get((name, each.id)) for each in legs):  # as most of the time
            self._uneven_since.pop(name, None)
            return
        first, second = self._values(name, legs)
        most = max(first.copy_abs(), second.copy_abs())
        if most > mul(LEG_NOTIONAL, 1 + _DRIFT):
            raise InvariantBroken(f"{name} has {first} and {second} in its legs: more than one leg")
        if not _is_uneven(first, second) or floor is None or _is_halted(floor, name):
            self._uneven_since.pop(name, None)  # a halted pair is people's; the rules' time is over
            return
        since = max(self._uneven_since.setdefault(name, now_ns), self.excused_until_ns)
        ordered = max(since, self._ordered_ns.get(name, 0))
        lag_ns = 3 * (self.venue.capabilities.absence_after_ns or 0)
        late = now_ns - since > _PATIENCE_NS + lag_ns or now_ns - ordered > _SILENCE_NS + lag_ns
        if late:
            seconds = (now_ns - since) // NS_PER_SECOND
            raise InvariantBroken(f"the legs of {name} are {first} and {second} for {seconds} s")

    @property
    def is_uneven(self) -> bool:
        """Whether the legs of a spread differ by more than they should."""
        return bool(self._uneven_since)

    @property
    def uneven_instruments(self) -> dict[InstrumentId, None]:
        """The legs of those spreads."""
        return {each.id: None for name in self._uneven_since for each in self._spreads[name]}

    def _values(self, name: str, legs: tuple[Instrument, Instrument]) -> tuple[Money, Money]:
        first, second = (self._value(each, self._at((name, each.id))) for each in legs)
        return first, second

    def check_pairs(self, floor: Floor) -> None:
        """
        Check that no pair was left uneven, after everything was mended and resumed.

        Where somebody else traded in a leg, or a disk forgot what was traded, it may be.

        Raises:
            InvariantBroken: One was.
        """
        for name, legs in self._spreads.items():
            first, second = self._values(name, legs)
            excused = bool(self.lost) or any(each.id in self.disturbed for each in legs)
            if _is_halted(floor, name) and _is_uneven(first, second) and not excused:
                raise InvariantBroken(f"{name} is halted with {first} and {second} in its legs")

    def position_of(self, strategy: str) -> Mapping[InstrumentId, Quantity]:
        """Return what the executed orders of *strategy* add up to, flat ones left out."""
        return {key: held for (name, key), held in self.held.items() if name == strategy and held}


def _is_uneven(first: Money, second: Money) -> bool:
    return add(first, second).copy_abs() > mul(LEG_NOTIONAL, _UNEVEN)


def _is_halted(floor: Floor, name: str) -> bool:
    runner = floor.runners.get(name)
    legs = None if runner is None else runner.engine.legs
    return legs is not None and legs.state is LegState.HALTED


def difference(
    ours: Mapping[InstrumentId, Quantity], theirs: Mapping[InstrumentId, Quantity]
) -> str:
    """Say where two sets of positions differ; empty when they do not."""
    keys = dict.fromkeys((*ours, *theirs))
    apart = {key: sub(ours.get(key, ZERO), theirs.get(key, ZERO)) for key in keys}
    return ", ".join(f"{key} by {gap}" for key, gap in apart.items() if gap)
