"""The screen: what is in the family, what survives, and what the rate of false discoveries is."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from algopioneer_core.domain.errors import ConfigError, NotEnoughData, RefusedError
from algopioneer_strategies.research import screen as screen_module
from algopioneer_strategies.research.cointegration import all_pairs, engle_granger
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.multiple_testing import benjamini_hochberg, two_looks
from algopioneer_strategies.research.screen import ScreenRule, screen
from algopioneer_strategies.research.screen_text import print_screen
from algopioneer_strategies.research.screened_pair import Failure
from algopioneer_strategies.research.universe import AlignedCloses

Floats = NDArray[np.float64]
Walks = Callable[..., Floats]

HOUR = 3_600_000_000_000
FIXED = LagRule(LagCriterion.FIXED, 1)


def closes(log_prices: Floats) -> AlignedCloses:
    """Return hourly closes of symbols called A, B, …"""
    count, bars = log_prices.shape
    names = tuple("ABCDEFGHIJKLMNOPQRST"[:count])
    return AlignedCloses(names, HOUR, np.arange(1, bars + 1) * HOUR, log_prices)


@pytest.fixture
def planted(walks: Walks) -> AlignedCloses:
    """Return six walks, of which B is held to D."""
    found = walks(6, 400, seed=6)
    noise = np.random.Generator(np.random.PCG64(5)).standard_normal(400)
    found[1] = 0.7 * found[3] + np.convolve(0.01 * noise, 0.8 ** np.arange(30))[:400]
    return closes(found)


def test_family_is_every_pair_and_every_pair_is_a_member(planted: AlignedCloses) -> None:
    """Both directions are one member, with twice the smaller p-value."""
    found = screen(planted, ScreenRule())
    assert 15 == found.test_count == len(found.every_pair())
    for pair in found.every_pair():
        assert pair.ab is not None
        assert pair.ba is not None
        assert pair.p_value == min(1.0, 2.0 * min(pair.ab.p_value, pair.ba.p_value))
    assert ["B", "D"] == [found.survivors[0].leg1, found.survivors[0].leg2]


def test_correlation_and_sector_shrink_the_family_before_the_tests(
    planted: AlignedCloses,
) -> None:
    """With fewer tests the same p-value has a smaller q-value; who has no sector is not tested."""
    every = screen(planted, ScreenRule())
    correlated = screen(planted, ScreenRule(min_correlation=0.3))
    sectors = ("x", "y", None, "y", None, "x")
    same = screen(planted, ScreenRule(same_sector=True), sectors=sectors)
    assert (15, 1, 2) == (every.test_count, correlated.test_count, same.test_count)
    assert {("A", "F"), ("B", "D")} == {(pair.leg1, pair.leg2) for pair in same.every_pair()}
    p_value = every.survivors[0].p_value
    assert p_value is not None
    for found in (every, correlated, same):
        assert found.survivors[0].p_value == pytest.approx(p_value)
        assert found.survivors[0].q_value == pytest.approx(p_value * found.test_count)


def test_other_filters_come_after_the_tests(planted: AlignedCloses) -> None:
    """A half-life that is too long for the user changes neither tests nor q-values."""
    found = screen(planted, ScreenRule())
    strict = screen(planted, ScreenRule(max_half_life=2.5))
    assert ((), 15, 1) == (strict.survivors, strict.test_count, strict.discoveries)
    assert strict.every_pair()[0].q_value == found.survivors[0].q_value
    assert (Failure.HALF_LIFE,) == strict.every_pair()[0].failures


def test_a_stationary_leg_is_held_by_nothing(walks: Walks) -> None:
    """Noise is cointegrated with everything, by the test; no pair with it survives."""
    found = walks(4, 400, seed=12)
    found[2] = 0.05 * np.random.Generator(np.random.PCG64(1)).standard_normal(400)
    screened = screen(closes(found), ScreenRule(min_half_life=0.1))
    assert screened.integrations[2].is_stationary
    with_noise = [pair for pair in screened.every_pair() if "C" in (pair.leg1, pair.leg2)]
    assert 3 == len(with_noise)
    assert all(Failure.STATIONARY_LEG in pair.failures for pair in with_noise)


def test_a_leg_whose_changes_wander_is_no_leg(walks: Walks) -> None:
    """A sum of a walk is integrated twice."""
    found = walks(3, 400, seed=3)
    found[1] = np.cumsum(found[1] - 4.0)
    screened = screen(closes(found), ScreenRule())
    pairs = [pair for pair in screened.every_pair() if "B" in (pair.leg1, pair.leg2)]
    assert all(Failure.LEG_INTEGRATED_TWICE in pair.failures for pair in pairs)


def test_collinear_legs_are_no_test(walks: Walks) -> None:
    """They are named, and the family is smaller by them."""
    found = walks(3, 200)
    found[2] = 1.0 + found[0]
    screened = screen(closes(found), ScreenRule())
    assert ((("A", "C"),), 2) == (screened.collinear, screened.test_count)
    both = closes(found[[0, 2]])
    assert (0, ()) == (screen(both, ScreenRule()).test_count, screen(both, ScreenRule()).survivors)


def test_without_cointegration_nothing_is_tested(planted: AlignedCloses) -> None:
    """Pairs are measured, the most correlated first; there is no p-value to misread."""
    found = screen(planted, ScreenRule(cointegration=False, max_half_life=20.0))
    assert (None, 0) == (found.tests, found.test_count)
    assert ("B", "D", None, None, None) == (
        found.survivors[0].leg1,
        found.survivors[0].leg2,
        found.survivors[0].ab,
        found.survivors[0].p_value,
        found.survivors[0].q_value,
    )
    tested = screen(planted, ScreenRule()).survivors[0]
    assert found.survivors[0].hedge_ratio == pytest.approx(tested.hedge_ratio)


def test_what_leaves_no_pair_is_refused(planted: AlignedCloses) -> None:
    """By the flag that left them out; rates and correlations have their ranges."""
    with pytest.raises(RefusedError, match="--min-correlation: none of 15 pairs"):
        screen(planted, ScreenRule(min_correlation=0.9999))
    with pytest.raises(RefusedError, match="--same-sector: none of 15 pairs"):
        screen(planted, ScreenRule(same_sector=True))
    with pytest.raises(ConfigError, match="fdr"):
        ScreenRule(fdr=0.0)
    with pytest.raises(ConfigError, match="min_correlation"):
        ScreenRule(min_correlation=2.0)


def test_a_price_that_never_changes_is_refused_by_name(walks: Walks) -> None:
    """In a part of the closes it may be one that changes elsewhere."""
    found = walks(3, 200)
    found[1, :100] = found[1, 0]
    with pytest.raises(RefusedError, match="B: its price never changes"):
        screen(closes(found).between(0, 100), ScreenRule())


def test_the_shortest_history_is_screened(walks: Walks) -> None:
    """Thirty closes with one lag; one fewer is refused with its number."""
    assert 1 == screen(closes(walks(2, 30)), ScreenRule(lags=FIXED)).test_count
    with pytest.raises(NotEnoughData, match="there are 29 joint closes"):
        screen(closes(walks(2, 29)), ScreenRule(lags=FIXED))


def test_more_pairs_than_memory_holds_are_refused(
    walks: Walks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is made room for."""
    monkeypatch.setattr(screen_module, "MOST_PAIRS", 5)
    with pytest.raises(RefusedError, match="4 symbols are 6 pairs, more than 5"):
        screen(closes(walks(4, 100)), ScreenRule())


def test_a_terminal_gets_a_table(planted: AlignedCloses) -> None:
    """With the pair in it, and above it what the family was."""
    found = screen(planted, ScreenRule())
    console = Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)
    print_screen(found, found.survivors, (), console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "15 tests (both directions are one)" in text
    assert "half-life [95 %]" in text
    assert "1 pair survives" in text


# --- calibration -----------------------------------------------------------------------------


def null_p_values(walks: Walks, symbols: int, bars: int, universes: int, first: int) -> Floats:
    """Return the family's p-values in universes of independent walks, a line for each."""
    pairs = all_pairs(symbols)
    return np.stack(
        [
            two_looks(*engle_granger(walks(symbols, bars, seed), pairs, FIXED).p_values)
            for seed in range(first, first + universes)
        ]
    )


def test_single_looks_reject_walks_as_often_as_they_say(walks: Walks) -> None:
    """Of 1000 independent pairs, 5 % within Monte Carlo error; two looks for one price, 8 %."""
    prices = walks(2000, 500, seed=20)
    pairs = np.arange(2000).reshape(1000, 2)
    one, other = engle_granger(prices, pairs, FIXED).p_values
    assert 0.035 <= float((one < 0.05).mean()) <= 0.065
    assert 0.065 <= float((np.minimum(one, other) < 0.05).mean()) <= 0.105
    assert float((two_looks(one, other) < 0.05).mean()) <= 0.055


def test_false_discovery_rate_holds_on_190_unrelated_pairs(walks: Walks) -> None:
    """Twenty walks: the naive search finds some in nearly every universe, the screen in few."""
    p_values = null_p_values(walks, 20, 500, universes=30, first=100)
    any_found = [bool((benjamini_hochberg(row) <= 0.05).any()) for row in p_values]
    assert (p_values < 0.05).sum(axis=1).mean() > 3
    assert sum(any_found) <= 4  # the 98th of a hundred such runs, at a true rate of 5 %


@pytest.mark.long
def test_false_discovery_rate_holds_in_the_long_run(walks: Walks) -> None:
    """A thousand universes: any discovery in at most 5 %, within Monte Carlo error."""
    p_values = null_p_values(walks, 20, 500, universes=1000, first=1000)
    any_found = [bool((benjamini_hochberg(row) <= 0.05).any()) for row in p_values]
    assert sum(any_found) / 1000 <= 0.05 + 2.5 * (0.05 * 0.95 / 1000) ** 0.5
