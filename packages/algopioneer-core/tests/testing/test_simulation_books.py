"""What the book-keeper of a simulation calls uneven for too long, on scripted histories."""

from decimal import Decimal
from typing import cast

import pytest
from attrs import define, field

from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.simulated_reference import SimulatedReference
from algopioneer_core.testing.simulation_books import BookKeeper, InvariantBroken
from algopioneer_core.testing.simulation_market import REFERENCE

PAIR = "pairs"
ALLOWED_S = 45 + 3
"""Seconds without a correction: a rule's deadline and a step of the market, and what three orders
take that this venue has to be asked about."""
LONG_S = 3_600
"""Seconds that no rule allows."""


@define
class Legs:
    """The state of a pair."""

    state: LegState


@define
class Engine:
    """What the book-keeper reads of an engine: its legs, and orders of which there are none."""

    legs: Legs
    working: dict[str, object] = field(factory=dict)

    @property
    def orders(self) -> "Engine":
        """Its orders."""
        return self


@define
class Runner:
    """A strategy at work."""

    name: str
    engine: Engine


@define
class Strategies:
    """A session whose only strategy is a pair in some state."""

    runners: dict[str, Runner]


class History:
    """A venue at which one leg of a pair is held and the other is not, from the first second."""

    def __init__(self) -> None:
        venue = SimulatedReference(VirtualClock(), lambda: 0.0)
        price, size = Decimal(100), Decimal(5)
        for each in REFERENCE:
            venue.push(Quote(each.id, VIRTUAL_START_NS, price, price, size, size, VIRTUAL_START_NS))
        self.books = BookKeeper(venue, MemoryDisk(), None)
        self.books.held[PAIR, REFERENCE.coin.id] = Decimal(10)

    def look(self, second: int, state: LegState | None) -> None:
        """Have the books checked at *second*; None for *state* while no session runs."""
        floor = None
        if state is not None:
            floor = Strategies({PAIR: Runner(PAIR, Engine(Legs(state)))})
        self.books.check(cast("Floor | None", floor), VIRTUAL_START_NS + second * NS_PER_SECOND)


def test_legs_that_nobody_corrects_break_an_invariant() -> None:
    """Uneven for longer than the rules allow, the pair is named with what its legs are worth."""
    history = History()
    history.look(0, LegState.UNWINDING)
    history.look(ALLOWED_S, LegState.UNWINDING)
    with pytest.raises(InvariantBroken, match=r"pairs are 1000\.0 and 0\.0 for 49 s"):
        history.look(ALLOWED_S + 1, LegState.UNWINDING)


def test_halted_pair_may_be_uneven_for_as_long_as_people_leave_it() -> None:
    """That it needs them was said; no rule makes it even."""
    history = History()
    for second in (0, LONG_S, 2 * LONG_S):
        history.look(second, LegState.HALTED)


def test_time_begins_when_a_pair_leaves_halted() -> None:
    """The time it was halted is not held against it; the time after is."""
    history = History()
    history.look(0, LegState.UNWINDING)
    history.look(LONG_S, LegState.HALTED)
    history.look(LONG_S + 5, LegState.RECONCILING)
    history.look(LONG_S + 5 + ALLOWED_S, LegState.UNWINDING)
    with pytest.raises(InvariantBroken, match="for 49 s"):
        history.look(LONG_S + 6 + ALLOWED_S, LegState.UNWINDING)


def test_time_in_which_no_session_runs_is_nobodys() -> None:
    """The count begins with the session that finds the legs uneven."""
    history = History()
    history.look(0, LegState.UNWINDING)
    history.look(LONG_S, None)
    history.look(2 * LONG_S, LegState.RECONCILING)
    history.look(2 * LONG_S + ALLOWED_S, LegState.UNWINDING)
