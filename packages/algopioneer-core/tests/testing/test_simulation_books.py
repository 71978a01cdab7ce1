"""What the book-keeper calls broken, on scripted histories; its quick look finds all of it."""

import importlib.util
from decimal import Decimal
from typing import cast

import pytest
from attrs import define, field

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.paper import sent
from algopioneer_core.testing.simulate import Failure, run_seed
from algopioneer_core.testing.simulated_reference import SimulatedReference
from algopioneer_core.testing.simulation import Outcome
from algopioneer_core.testing.simulation_books import BookKeeper, InvariantBroken
from algopioneer_core.testing.simulation_market import REFERENCE

PAIR = "pairs"
ALLOWED_S = 45 + 3
"""Seconds without a correction: a rule's deadline and a step of the market, and what three orders
take that this venue has to be asked about."""
LONG_S = 3_600
"""Seconds that no rule allows."""
_MINUTES = 6


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


def floor_of(state: LegState) -> Floor:
    """Return a session whose pair is in a state."""
    return cast("Floor", Strategies({PAIR: Runner(PAIR, Engine(Legs(state)))}))


def _ns(second: int) -> int:
    return VIRTUAL_START_NS + second * NS_PER_SECOND


class History:
    """A venue at which one leg of a pair is held and the other is not, from the first second."""

    def __init__(self) -> None:
        self._venue = SimulatedReference(VirtualClock(), lambda: 0.0)
        self._quote(VIRTUAL_START_NS - 1)
        self.books = BookKeeper(self._venue, MemoryDisk(), None)
        self.books.held[PAIR, REFERENCE.coin.id] = Decimal(10)

    def _quote(self, now_ns: int) -> None:
        price, size = Decimal(100), Decimal(5)
        for each in REFERENCE:
            self._venue.push(Quote(each.id, now_ns, price, price, size, size, now_ns))

    def look(self, second: int, state: LegState | None) -> None:
        """Have the books checked at *second*; None for *state* while no session runs."""
        floor, now_ns = None if state is None else floor_of(state), _ns(second)
        self._quote(now_ns)
        self.books.check(floor, now_ns)


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


def test_pair_that_is_still_halted_uneven_at_the_end_breaks_an_invariant() -> None:
    """Everything was mended and resumed, so its correction must have come."""
    history = History()
    with pytest.raises(InvariantBroken, match=r"pairs is halted with 1000\.0 and 0\.0 in its legs"):
        history.books.check_pairs(floor_of(LegState.HALTED))
    history.books.check_pairs(floor_of(LegState.UNWINDING))  # that is the other check's
    history.books.held[PAIR, REFERENCE.twin.id] = Decimal(-10)
    history.books.check_pairs(floor_of(LegState.HALTED))


def test_pair_may_stay_halted_where_somebody_else_traded_in_a_leg() -> None:
    """What the account holds does not tell what is the pair's."""
    history = History()
    history.books.disturbed[REFERENCE.twin.id] = None
    history.books.check_pairs(floor_of(LegState.HALTED))


async def test_orders_that_nobody_has_asked_before_are_known() -> None:
    """Each time the private stream is opened, the account is to be asked before something opens."""
    venue = SimulatedReference(VirtualClock(), lambda: 0.0)
    line = venue.line(VirtualClock(), lambda: 0.0)
    for name, asks in (("a", False), ("b", True), ("c", False)):
        async with line.execution.reports():
            if asks:
                await line.execution.positions()
            await line.execution.submit(sent(name, REFERENCE.coin, Side.BUY, "1"))
    assert venue.hasty == ["a", "c"]


@pytest.mark.parametrize("reduces", [False, True])
def test_order_that_opens_before_anybody_has_asked_breaks_an_invariant(*, reduces: bool) -> None:
    """What the stream has missed is not known yet; a way out does not wait for that."""
    venue = SimulatedReference(VirtualClock(), lambda: 0.0)
    books = BookKeeper(venue, MemoryDisk(), None)
    books.intents["a"] = PAIR, sent("a", REFERENCE.coin, Side.BUY, "1", reduce_only=reduces)
    venue.hasty.append("a")
    venue.venue.execution.accepted.append("a")
    if reduces:
        books.check(None, VIRTUAL_START_NS)
        return
    with pytest.raises(InvariantBroken, match="before anybody asked what the stream had missed"):
        books.check(None, VIRTUAL_START_NS)


# --- what is looked at only where something changed -------------------------------------------


def _look_at_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each check look at all legs and count all fills again."""

    def everything(self: BookKeeper, _: Floor | None) -> list[str]:
        return list(self.venue.traded.spreads)

    check, audit = BookKeeper.check, BookKeeper.audit

    def whole(self: BookKeeper, floor: Floor | None, now_ns: int) -> None:
        with monkeypatch.context() as inner:
            inner.setattr(BookKeeper, "check", check)
            audit(self, floor, now_ns)

    monkeypatch.setattr(BookKeeper, "_spreads_to_check", everything)
    monkeypatch.setattr(BookKeeper, "check", whole)


def _forget_legs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a leg manager that corrects nothing."""
    monkeypatch.setattr(LegManager, "review", lambda *_: ())


@pytest.mark.slow
def test_nothing_escapes_the_quick_look_where_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a count of everything at each event the same history holds, with as many checks."""
    quick = run_seed(3, _MINUTES)
    _look_at_everything(monkeypatch)
    assert isinstance(quick, Outcome)
    assert quick == run_seed(3, _MINUTES)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("algopioneer_strategies") is None,
    reason="the core alone has no pairs, whose legs could be left uneven",
)
def test_both_find_the_same_where_legs_are_left_uneven(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words of the same moment."""
    _forget_legs(monkeypatch)
    found = next(each for n in range(1, 20) if isinstance(each := run_seed(n, 12), Failure))
    _look_at_everything(monkeypatch)
    again = run_seed(found.seed, 12)
    assert isinstance(again, Failure)
    assert "the legs of" in found.broken[0]
    assert again.broken == found.broken


def test_the_audit_counts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fills that were left out of the count are found at the next audit."""
    monkeypatch.setattr(BookKeeper, "_book", lambda *_: None)
    monkeypatch.setattr(BookKeeper, "_check_engines", lambda *_: None)
    result = run_seed(1, 10)
    assert isinstance(result, Failure)
    assert "was counted, and" in result.broken[0]
