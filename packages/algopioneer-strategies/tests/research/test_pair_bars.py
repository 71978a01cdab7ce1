import numpy as np
import pytest

from algopioneer_core.domain.errors import DataError
from algopioneer_strategies.research.pair_bars import pair_bars, price_ticks
from algopioneer_strategies.research.universe import AlignedCloses


def test_prices_come_back_from_their_logarithms_to_the_last_digit() -> None:
    """Whatever the number of decimals they were written with."""
    draws = np.random.Generator(np.random.PCG64(1)).integers(1, 10**7, (2, 200))
    prices = np.array([draws[0] / 10**2, draws[1] / 10**8])
    closes = AlignedCloses(("A", "B"), 3600, np.arange(200), np.log(prices))
    joint = pair_bars(closes, "B", "A")
    assert [leg.instrument_id.symbol for leg in joint.legs] == ["B", "A"]
    second, first = joint.legs
    for leg, ticks in ((first, draws[0]), (second, draws[1])):
        scale = 10 ** (8 - leg.price_decimals) if leg is second else 10 ** (2 - leg.price_decimals)
        assert (leg.close * scale).tolist() == ticks.tolist()
        assert leg.open is leg.close


def test_prices_on_no_grid_are_rounded_finely() -> None:
    """Adjusted prices have no end; a billionth of the lowest is enough of them."""
    prices = np.array([1 / 3, 200 / 7, 1000 * np.pi])
    ticks, decimals = price_ticks(prices, where="X")
    assert ticks / 10.0**decimals == pytest.approx(prices, rel=3e-9)
    assert ticks.max() < 2**53


def test_prices_without_a_common_grid_are_refused() -> None:
    """Sixteen digits and more between the lowest and the highest."""
    with pytest.raises(DataError, match="do not fit on one grid"):
        price_ticks(np.array([1e-9 / 3, 1e9]), where="X")
    with pytest.raises(DataError, match="do not fit on one grid"):
        price_ticks(np.array([1e-17, 1.0]), where="X")
