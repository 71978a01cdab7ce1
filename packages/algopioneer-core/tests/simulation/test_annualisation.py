import pytest

from algopioneer_core.simulation.annualisation import (
    NS_PER_YEAR,
    bars_per_year,
    compound_growth_pct,
    years_between,
)

MINUTE = 60_000_000_000


def test_minute_bars_without_gaps_make_525960_a_year() -> None:
    """365.25 days of 1 440 minutes."""
    assert bars_per_year(1_000, 0, 1_000 * MINUTE) == pytest.approx(525_960)


def test_a_market_that_rests_has_fewer_bars_a_year() -> None:
    """Bars are counted over the time that passed, nights included."""
    assert bars_per_year(390, 0, 1_440 * MINUTE) == pytest.approx(390 * 365.25)


def test_a_single_moment_has_no_yearly_number() -> None:
    """Nothing can be annualised when no time has passed."""
    assert bars_per_year(0, 5, 5) is None


def test_years_have_365_and_a_quarter_days() -> None:
    """The Julian year."""
    assert years_between(10, 10 + 2 * NS_PER_YEAR) == 2.0


@pytest.mark.parametrize(
    ("ratio", "years", "growth"),
    [(1.21, 2, 10), (2, 1, 100), (1, 0.1, 0), (0.25, 0.5, -93.75)],
)
def test_growth_compounds(ratio: float, years: float, growth: float) -> None:
    """What is earned in several years is their product."""
    assert compound_growth_pct(ratio, years) == pytest.approx(growth)


@pytest.mark.parametrize(
    ("ratio", "years"), [(0, 1), (-0.5, 1), (1.1, 0), (1.1, 1e-9), (2, 1 / 1_020)]
)
def test_growth_is_undefined_rather_than_infinite(ratio: float, years: float) -> None:
    """Ruin, no time, and rates past the range of a float have no figure."""
    assert compound_growth_pct(ratio, years) is None
