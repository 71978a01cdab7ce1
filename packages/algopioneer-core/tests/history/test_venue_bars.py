"""Behaviour of turning a venue's bars into columns."""

import pytest

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.venue_bars import columns_of, joined

BTC = InstrumentId("kiosk", "BTC-USD")
END = 1_000


def _bar(
    closes: int = 10,
    prices: tuple[int, int, int, int] = (5, 7, 4, 6),
    volume: int = 3,
    *,
    instrument_id: InstrumentId = BTC,
    decimals: tuple[int, int] = (0, 0),
) -> Bar:
    return Bar(instrument_id, closes, *prices, volume, *decimals, closes)


def _columns(*bars: Bar) -> BarColumns:
    return columns_of(bars, BTC, 10, start_ns=0, end_ns=END)


def test_bars_come_back_as_they_were() -> None:
    """Nothing is lost on the way into columns and out of them."""
    bars = [_bar(10), _bar(20, (8, 9, 8, 9), 0)]

    assert bars == list(_columns(*bars).bars())


def test_coarse_bars_are_written_on_the_finest_grid() -> None:
    """A venue may write 5 and 5.25; both are exact."""
    columns = _columns(_bar(10), _bar(20, (525, 550, 500, 525), 25, decimals=(2, 1)))

    assert (2, 1) == (columns.price_decimals, columns.volume_decimals)
    assert ([600, 525], [30, 25]) == (columns.close.tolist(), columns.volume.tolist())


def test_parts_are_joined_on_one_grid() -> None:
    """Answers to consecutive questions are one series; one may be empty."""
    parts = [_columns(_bar(10)), _columns(), _columns(_bar(20, (50, 70, 40, 60), decimals=(1, 0)))]

    whole = joined(parts)

    assert ([10, 20], [60, 60], 1) == (
        whole.ts_ns.tolist(),
        whole.close.tolist(),
        whole.price_decimals,
    )


@pytest.mark.parametrize(
    ("bar", "fault"),
    [
        (_bar(20, instrument_id=InstrumentId("kiosk", "ETH-USD")), "is of another instrument"),
        (_bar(10), "comes together with or after a later one"),
        (_bar(END), "closes outside the range"),
        (_bar(20, (0, 7, 0, 6)), "has a price that is not positive"),
        (_bar(20, (5, 7, 4, 8)), "opens or closes outside its low and high"),
        (_bar(20, (3, 7, 4, 6)), "opens or closes outside its low and high"),
        (_bar(20, volume=-1), "has a negative volume"),
    ],
)
def test_fault_is_refused_with_the_time_of_the_bar(bar: Bar, fault: str) -> None:
    """What a venue says is data from outside, like a file."""
    with pytest.raises(DataError, match=fault) as caught:
        _columns(_bar(10), bar)

    assert "1970-01-01T00:00:00" in caught.value.message
    assert "kiosk:BTC-USD" == caught.value.where


def test_bar_before_the_range_is_refused() -> None:
    """The range begins where it was said to."""
    with pytest.raises(DataError, match="closes outside the range"):
        columns_of([_bar(10)], BTC, 10, start_ns=11, end_ns=END)


def test_numbers_that_do_not_fit_one_grid_are_refused() -> None:
    """64 bits hold nineteen digits."""
    huge = _bar(20, (10**18,) * 4)

    with pytest.raises(DataError, match="do not fit 64 bits"):
        _columns(_bar(10, decimals=(2, 0)), huge)
