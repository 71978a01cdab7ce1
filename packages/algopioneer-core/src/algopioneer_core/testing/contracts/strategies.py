"""
What every strategy must do.

    class TestOurs(StrategyContract):
        @pytest.fixture
        def instruments(self):
            return [BITCOIN]

        @pytest.fixture
        def make_strategy(self, instruments):
            return lambda: Breakout.make(BreakoutConfig(entry_window=6), instruments)

The cases are told in docs/reference/plugin-contracts.md. The market is one that rises and falls
(`strategy_desk.market`); a strategy that would not trade in it gives `events` of its own.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import pytest

from algopioneer_core.domain.capabilities import Capability
from algopioneer_core.domain.commands import CancelAll, OpenSpread, RollSpread, StrategyCommand
from algopioneer_core.domain.events import Event, FeedDown, FeedUp, TimerFired
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Quote, Trade
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import Requirements
from algopioneer_core.journal.codec import encode
from algopioneer_core.runtime.wishes import check_wish
from algopioneer_core.testing.contracts.strategy_desk import (
    MakeStrategy,
    StrategyDesk,
    market,
    restored,
)

__all__ = ["StrategyContract"]


class StrategyContract:
    """The cases. A subclass gives `make_strategy` and `instruments`, and `events` where needed."""

    @pytest.fixture
    def instruments(self) -> Sequence[Instrument]:
        """Return what the strategy is configured with, in order."""
        raise NotImplementedError

    @pytest.fixture
    def make_strategy(self) -> MakeStrategy:
        """Return what makes the strategy, a fresh one each time."""
        raise NotImplementedError

    @pytest.fixture
    def events(self, instruments: Sequence[Instrument]) -> Sequence[Event]:
        """Return market events in which it trades; joint bars where there are several legs."""
        return market(instruments)

    def test_s01_says_what_it_needs(self, make_strategy: MakeStrategy) -> None:
        """S01: whole bars, not fewer than none, and capabilities that exist; the same each time."""
        found = make_strategy().requirements()
        assert isinstance(found, Requirements)
        assert type(found.warmup_bars) is int
        assert found.warmup_bars >= 0
        assert all(isinstance(each, Capability) for each in found.capabilities)
        assert found == make_strategy().requirements()

    def test_s02_trades_in_the_market_of_the_contract(
        self,
        make_strategy: MakeStrategy,
        instruments: Sequence[Instrument],
        events: Sequence[Event],
    ) -> None:
        """S02: else all that follows would show nothing."""
        answers = StrategyDesk(make_strategy, instruments).run(events)
        assert any(isinstance(each, OrderIntent | OpenSpread) for each in _all(answers))

    def test_s03_same_events_give_the_same_commands(
        self,
        make_strategy: MakeStrategy,
        instruments: Sequence[Instrument],
        events: Sequence[Event],
    ) -> None:
        """S03: byte for byte: no clock, no chance, nothing that another object left behind."""
        first, second = (StrategyDesk(make_strategy, instruments).run(events) for _ in range(2))
        for place, (one, other) in enumerate(zip(first, second, strict=True), 1):
            assert encode(one) == encode(other), (
                f"after {place} events two of them decide otherwise"
            )

    def test_s04_survives_a_restart_after_every_event(
        self,
        make_strategy: MakeStrategy,
        instruments: Sequence[Instrument],
        events: Sequence[Event],
    ) -> None:
        """S04: replaced each time by one that was given its snapshot, it decides the same."""
        once = StrategyDesk(make_strategy, instruments).run(events)
        often = StrategyDesk(make_strategy, instruments, every_event_anew=True).run(events)
        for place, (expected, found) in enumerate(zip(once, often, strict=True), 1):
            assert encode(expected) == encode(found), f"after {place} events it decides otherwise"

    def test_s05_asks_only_for_its_own_instruments(
        self,
        make_strategy: MakeStrategy,
        instruments: Sequence[Instrument],
        events: Sequence[Event],
    ) -> None:
        """S05: those it was configured with."""
        answers = StrategyDesk(make_strategy, instruments).run(events)
        asked = {each for wish in _all(answers) for each in _instruments(wish)}
        assert asked <= {each.id for each in instruments}

    def test_s06_no_float_is_in_what_it_asks_for(
        self,
        make_strategy: MakeStrategy,
        instruments: Sequence[Instrument],
        events: Sequence[Event],
    ) -> None:
        """S06: every part of every command has the type it is declared with, and is finite."""
        for wish in _all(StrategyDesk(make_strategy, instruments).run(events)):
            check_wish(wish)

    def test_s07_a_fresh_one_can_be_restored_too(self, make_strategy: MakeStrategy) -> None:
        """S07: a session may die before the first event."""
        restored(make_strategy, make_strategy())

    def test_s08_events_of_other_kinds_do_no_harm(
        self,
        make_strategy: MakeStrategy,
        instruments: Sequence[Instrument],
        events: Sequence[Event],
    ) -> None:
        """S08: streams that come and go, and a timer it did not set: it does not raise."""
        desk = StrategyDesk(make_strategy, instruments)
        desk.run(events)
        desk.run(_others(instruments[0].id, events[-1].ts_event))
        assert desk.run(events[:0]) is desk.answers


def _all(answers: Sequence[Sequence[StrategyCommand]]) -> Iterator[StrategyCommand]:
    return (wish for answer in answers for wish in answer)


def _instruments(wish: StrategyCommand) -> Iterator[InstrumentId]:
    if isinstance(wish, OpenSpread):
        yield from (wish.buy, wish.sell)
    elif isinstance(wish, RollSpread):
        yield wish.to
    elif isinstance(wish, OrderIntent | CancelAll) and wish.instrument_id is not None:
        yield wish.instrument_id


def _others(instrument_id: InstrumentId, now_ns: int) -> list[Event]:
    price = Decimal(100)
    return [
        FeedDown(instrument_id.venue, now_ns, "line lost"),
        FeedUp(instrument_id.venue, now_ns),
        TimerFired("set by nobody", now_ns),
        Quote(instrument_id, now_ns, price, price, price, price, now_ns),
        Trade(instrument_id, now_ns, price, price, "1", now_ns),
    ]
