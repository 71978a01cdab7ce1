"""The contract of strategies finds what is wrong with one, case by case."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.events import Event, FeedDown
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.testing.contracts import MakeStrategy, StrategyContract
from algopioneer_core.testing.contracts.strategy_desk import StrategyDesk, market
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.sessions import Flipper, SpreadFlipper

OTHER = Instrument.undescribed(InstrumentId("sim", "THING-USD"))
_COUNT = itertools.count(1)
Answer = Iterable[StrategyCommand]


class TestSingle(StrategyContract):
    """A strategy of a few lines, on one instrument."""

    @pytest.fixture
    def instruments(self) -> Sequence[Instrument]:
        return [BITCOIN]

    @pytest.fixture
    def make_strategy(self) -> MakeStrategy:
        return lambda: Flipper(BITCOIN.id)


class TestSpread(StrategyContract):
    """The same on two legs."""

    @pytest.fixture
    def instruments(self) -> Sequence[Instrument]:
        return [BITCOIN, OTHER]

    @pytest.fixture
    def make_strategy(self) -> MakeStrategy:
        return lambda: SpreadFlipper(BITCOIN.id, OTHER.id)


def _order(quantity: Any, instrument_id: InstrumentId = BITCOIN.id) -> OrderIntent:
    return OrderIntent(instrument_id=instrument_id, side=Side.BUY, quantity=quantity)


class Forgetful(Flipper):
    """Does not tell the last close."""

    def snapshot(self) -> Mapping[str, object]:
        return {"last": None, "bars": self.bars}


class Partial(Flipper):
    """Tells what it does not take back."""

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore({**state, "bars": 0})


class Moody(Flipper):
    """Answers by what another one did before."""

    def on_event(self, event: Event, context: StrategyContext) -> Answer:
        super().on_event(event, context)
        return () if not isinstance(event, Bar) else [_order(Decimal(next(_COUNT)))]


class Greedy(Flipper):
    """Wants what it was not given."""

    def on_event(self, event: Event, context: StrategyContext) -> Answer:
        return () if not isinstance(event, Bar) else [_order(Decimal(1), OTHER.id)]


class Floating(Flipper):
    """Counts in floats."""

    def on_event(self, event: Event, context: StrategyContext) -> Answer:
        return () if not isinstance(event, Bar) else [_order(0.5)]


class Idle(Flipper):
    """Never trades."""

    def on_event(self, event: Event, context: StrategyContext) -> Answer:
        return ()


class Frail(Flipper):
    """Breaks with its line."""

    def on_event(self, event: Event, context: StrategyContext) -> Answer:
        if isinstance(event, FeedDown):
            raise RuntimeError("lost")
        return super().on_event(event, context)


class Demanding(Flipper):
    """Needs half a bar."""

    def requirements(self) -> Any:
        return 0.5


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        (Demanding, "s01"),
        (Idle, "s02"),
        (Moody, "s03"),
        (Forgetful, "s04"),
        (Partial, "s04"),
        (Greedy, "s05"),
        (Floating, "s06"),
        (Frail, "s08"),
    ],
)
def test_what_is_wrong_fails_its_case(kind: type[Flipper], case: str) -> None:
    """And the message is of that case."""
    (name,) = (each for each in dir(StrategyContract) if each.startswith(f"test_{case}_"))
    check: Callable[..., None] = getattr(StrategyContract(), name)
    names = check.__code__.co_varnames[1 : check.__code__.co_argcount]
    given = {
        "make_strategy": lambda: kind(BITCOIN.id),
        "instruments": [BITCOIN],
        "events": market([BITCOIN]),
    }
    with pytest.raises((AssertionError, AlgopioneerError, TypeError, RuntimeError)):
        check(**{each: given[each] for each in names})


def test_the_desk_fills_what_is_ordered() -> None:
    """A quote-sized purchase buys what its money is worth; the desk answers event by event."""
    wish = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quote_amount=Decimal(1_000))

    class Once(Flipper):
        def on_event(self, event: Event, context: StrategyContext) -> Answer:
            held.append(context.quantity(BITCOIN.id))
            return [wish] if not held[-1] and len(held) == 1 else ()

    held: list[Decimal] = []
    answers = StrategyDesk(lambda: Once(BITCOIN.id), [BITCOIN]).run(market([BITCOIN], 2))
    assert answers == [(wish,), (), ()]
    assert 9 < held[-1] < 10
