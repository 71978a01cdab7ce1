"""The bars a strategy decides on, from whatever its venue pushes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.runtime.bar_intake import BarIntake, BarOrigin, merged

BTC = InstrumentId("test", "BTC-USD")
D = Decimal
FIVE = 5


def _bar(ts_ns: int, close: int = 100, *, decimals: int = 0, volume: int = 1) -> Bar:
    return Bar(BTC, ts_ns, close, close + 2, close - 2, close, volume, decimals, 0, ts_ns)


def _intake(origin: BarOrigin) -> BarIntake:
    return BarIntake(FIVE, {BTC: origin})


def _trade(ts_ns: int, price: str) -> Trade:
    return Trade(BTC, ts_ns, D(price), D(1), "t", ts_ns)


def _quote(ts_ns: int, bid: str, ask: str) -> Quote:
    return Quote(BTC, ts_ns, D(bid), D(ask), D(1), D(1), ts_ns)


def test_pushed_bars_are_passed_on_and_nothing_else() -> None:
    """A venue that has the interval needs no help."""
    intake = _intake(BarOrigin.PUSHED)
    assert [_bar(5)] == intake.put(_bar(5))
    assert [] == intake.put(_trade(6, "1"))
    assert [] == intake.close_until(99)
    assert intake.next_close_ns(7) is None


def test_shorter_bars_make_one_that_closes_with_the_last_of_them() -> None:
    """Open of the first, close of the last, the extremes and the volume of all."""
    intake = _intake(BarOrigin.SHORTER)
    for ts_ns, close in ((1, 10), (2, 30), (3, 5), (4, 20)):
        assert [] == intake.put(_bar(ts_ns, close))
    (bar,) = intake.put(_bar(5, 15))
    assert (10, 32, 3, 15, 5) == bar[2:7]
    assert bar.ts_event == FIVE


def test_a_missing_last_part_is_not_waited_for_beyond_the_next() -> None:
    """The bar is finished by the first part of a later interval, and both can end at once."""
    intake = _intake(BarOrigin.SHORTER)
    intake.put(_bar(3, 10))
    assert [5, 10] == [bar.ts_event for bar in intake.put(_bar(10, 20))]
    intake.put(_bar(12, 10))
    assert [] == intake.close_until(15)  # its last part may still be on its way
    assert [15] == [bar.ts_event for bar in intake.close_until(16)]
    assert [] == intake.close_until(99)


def test_parts_on_a_finer_price_grid_lose_no_digit() -> None:
    """Prices and volumes are brought to the finest grid among the parts."""
    bar = merged([_bar(1, 100), _bar(2, 1001, decimals=1)], FIVE)
    assert (D("100"), D("102"), D("98"), D("100.1")) == (bar.open, bar.high, bar.low, bar.close)


def test_unfinished_parts_survive_a_restart() -> None:
    """A replay that is taken up in the middle of a bar finishes the same bar."""
    intake = _intake(BarOrigin.SHORTER)
    intake.put(_bar(3, 10))
    twin = _intake(BarOrigin.SHORTER)
    twin.restore(intake.snapshot())
    assert intake.put(_bar(5, 20)) == twin.put(_bar(5, 20))
    assert {} == twin.snapshot()


def test_half_built_bars_survive_a_restart_and_can_be_forgotten() -> None:
    """A replay goes on with them; a live session has missed trades and begins anew."""
    intake, twin = _intake(BarOrigin.TRADES), _intake(BarOrigin.TRADES)
    intake.put(_trade(1, "7"))
    twin.restore(intake.snapshot())
    assert intake.put(_trade(6, "9")) == twin.put(_trade(6, "9")) != []
    twin.forget_built()
    assert [] == twin.close_until(10)
    shorter = _intake(BarOrigin.SHORTER)
    shorter.put(_bar(3, 10))
    shorter.forget_built()
    assert [5] == [bar.ts_event for bar in shorter.put(_bar(5, 20))]
    pushed = _intake(BarOrigin.PUSHED)
    pushed.restore({str(BTC): None})
    assert {} == pushed.snapshot()


@pytest.mark.parametrize(
    ("origin", "event"),
    [(BarOrigin.TRADES, _trade(3, "7")), (BarOrigin.QUOTES, _quote(3, "6", "8"))],
)
def test_bars_are_built_where_none_are_pushed(origin: BarOrigin, event: Trade | Quote) -> None:
    """From trades or from quotes, closed by the clock; pushed bars of another length are left."""
    intake = _intake(origin)
    assert [] == intake.put(event)
    assert [] == intake.put(_bar(4))
    assert intake.next_close_ns(3) == FIVE
    (bar,) = intake.close_until(5)
    assert (D(7), FIVE) == (bar.close, bar.ts_event)


def test_a_later_trade_finishes_the_bar_before_it() -> None:
    """Nobody has to look at the clock while the market is busy."""
    intake = _intake(BarOrigin.TRADES)
    intake.put(_trade(1, "7"))
    assert [D(7)] == [bar.close for bar in intake.put(_trade(6, "9"))]


@given(st.lists(st.integers(3, 1000), min_size=25, max_size=25))
def test_one_step_or_two_give_the_same_bars(closes: list[int]) -> None:
    """Five parts made into one bar are as good as any other way of adding them up."""
    intake = _intake(BarOrigin.SHORTER)
    made = [bar for at, close in enumerate(closes, 1) for bar in intake.put(_bar(at, close))]
    for number, bar in enumerate(made):
        part = closes[number * FIVE : (number + 1) * FIVE]
        assert (part[0], max(part) + 2, min(part) - 2, part[-1]) == bar[2:6]
    assert len(made) == FIVE
