from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.domain.money import ZERO, total
from algopioneer_core.history.bar_builder import BarBuilder
from algopioneer_core.journal.codec import decode, encode

ID = InstrumentId("test", "BTC-USD")


def trade(ts_ns: int, price: str, quantity: str = "1") -> Trade:
    """Return a trade that is heard of a nanosecond later."""
    return Trade(ID, ts_ns, Decimal(price), Decimal(quantity), f"t{ts_ns}", ts_ns + 1)


def quote(ts_ns: int, bid: str, ask: str) -> Quote:
    """Return a quote."""
    return Quote(ID, ts_ns, Decimal(bid), Decimal(ask), Decimal(1), Decimal(1), ts_ns)


def test_bar_holds_what_was_traded_from_its_first_nanosecond_to_before_its_last() -> None:
    """The first trade of the next interval finishes it."""
    builder = BarBuilder(ID, 100)
    given = [trade(100, "5.50", "2"), trade(120, "7", "0.5"), trade(199, "5.25"), trade(200, "9")]
    bars = [builder.add(each) for each in given]
    assert bars[:3] == [None] * 3
    assert bars[3] == Bar(ID, 200, 550, 700, 525, 525, 35, 2, 1, 200)


def test_bar_is_finished_by_the_clock_where_nothing_comes() -> None:
    """And then nothing gets into it any more."""
    builder = BarBuilder(ID, 100)
    builder.add(trade(130, "5"))
    assert None is builder.close_until(199)
    bar = builder.close_until(200)
    assert bar is not None
    assert (200, Decimal(5)) == (bar.ts_event, bar.close)
    assert None is builder.close_until(201)
    assert None is builder.add(trade(199, "5"))
    assert 1 == builder.late


def test_interval_without_a_trade_has_no_bar() -> None:
    """Nothing is made up."""
    builder = BarBuilder(ID, 100)
    assert None is builder.close_until(500)
    builder.add(trade(510, "5"))
    bar = builder.add(trade(950, "6"))
    assert bar is not None
    assert 600 == bar.ts_event


def test_late_trade_is_counted_and_left_out() -> None:
    """What was given out is never changed; order within a bar does not matter to it."""
    builder = BarBuilder(ID, 100)
    builder.add(trade(150, "5"))
    builder.add(trade(140, "4"))
    bar = builder.add(trade(201, "6"))
    assert bar is not None
    assert [5, 4, 4] == [bar.open, bar.low, bar.close]
    builder.add(trade(180, "1"))
    assert 1 == builder.late


def test_quotes_make_bars_of_their_middles() -> None:
    """Exactly, without volume."""
    builder = BarBuilder(ID, 100)
    builder.add(quote(100, "5.1", "5.2"))
    bar = builder.add(quote(200, "6", "7"))
    assert bar is not None
    assert (Decimal("5.15"), ZERO) == (bar.close, bar.volume)


def test_wrong_instruments_and_lengths_are_refused() -> None:
    """A mixture of two markets would be no market."""
    with pytest.raises(ConfigError, match="not of test:BTC-USD"):
        BarBuilder(ID, 100).add(trade(1, "1")._replace(instrument_id=InstrumentId("test", "X")))
    with pytest.raises(ConfigError, match="must be positive"):
        BarBuilder(ID, 0)


trades = st.lists(
    st.tuples(st.integers(1, 2_000), st.integers(1, 9_999), st.integers(0, 3)), min_size=1
).map(sorted)


@given(trades, st.integers(1, 300))
def test_bars_hold_every_trade_once(rows: list[tuple[int, int, int]], interval_ns: int) -> None:
    """First, highest, lowest, last and sum of each interval that has any."""
    builder = BarBuilder(ID, interval_ns)
    given_ = [
        trade(ts_ns, str(Decimal(price).scaleb(-decimals)), "0.1")
        for ts_ns, price, decimals in rows
    ]
    bars = [bar for bar in (builder.add(each) for each in given_) if bar is not None]
    last = builder.close_until(10_000)
    bars += [] if last is None else [last]
    groups: dict[int, list[Trade]] = {}
    for each in given_:
        groups.setdefault(each.ts_event // interval_ns, []).append(each)
    assert 0 == builder.late
    assert [
        (
            (number + 1) * interval_ns,
            group[0].price,
            max(each.price for each in group),
            min(each.price for each in group),
            group[-1].price,
            total(*(each.quantity for each in group)),
        )
        for number, group in groups.items()
    ] == [(bar.ts_event, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]


@given(trades, st.integers(1, 300), st.integers(0, 40))
def test_restored_builder_goes_on_with_the_same_bars(
    rows: list[tuple[int, int, int]], interval_ns: int, cut: int
) -> None:
    """Wherever it was interrupted, in the middle of a bar or after a late trade."""
    given_ = [trade(ts_ns, f"{price}", f"{size}.5") for ts_ns, price, size in rows]
    whole, twin = BarBuilder(ID, interval_ns), BarBuilder(ID, interval_ns)
    for each in given_[:cut]:
        whole.add(each)
    twin.restore(decode(encode(whole.snapshot())))
    for each in given_[cut:]:
        assert whole.add(each) == twin.add(each)
    assert whole.close_until(2**62) == twin.close_until(2**62)
    assert whole.late == twin.late
