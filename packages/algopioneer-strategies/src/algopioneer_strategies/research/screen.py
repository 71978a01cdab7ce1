"""
The screen: from joint closes to the pairs that survive, with the number of tests told.

The family is every pair of the universe, less those that correlation or sector leave out before
anything is tested. Each pair is tested in both directions and is one member of the family, with
p = min(1, 2 min). Benjamini-Hochberg sees all of them. Only then are half-life, variance ratio and
the orders of integration looked at: a filter that depends on what the test depends on, applied
before, would make the q-values wrong.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError, RefusedError
from algopioneer_strategies.research.cointegration import (
    PairTests,
    Watch,
    all_pairs,
    engle_granger,
    untested,
)
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.multiple_testing import (
    benjamini_hochberg,
    benjamini_yekutieli,
    two_looks,
)
from algopioneer_strategies.research.screen_state import ScreenState
from algopioneer_strategies.research.screened_pair import Direction, Failure, ScreenedPair
from algopioneer_strategies.research.spreads import Spreads, describe_spreads
from algopioneer_strategies.research.tiles import TileRunner
from algopioneer_strategies.research.unit_roots import Integration, integration
from algopioneer_strategies.research.universe import AlignedCloses

__all__ = ["Screen", "ScreenRule", "screen"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

MOST_PAIRS: Final = 20_000_000
"""Pairs whose results alone take some four gigabytes."""
NAIVE_LEVEL: Final = 0.05
"""What one looks at who does not count the tests."""


@frozen(kw_only=True)
class ScreenRule:
    """
    What is tested, and what survives.

    Raises:
        ConfigError: A value is out of its range.
    """

    lags: LagRule = field(factory=lambda: LagRule(LagCriterion.AIC))
    fdr: float = 0.10
    """False discovery rate: a pair survives whose q-value is at most this."""
    min_correlation: float | None = None
    """Of log returns; pairs below it are not tested."""
    same_sector: bool = False
    """Test pairs of one sector only; a symbol without a sector is in no pair."""
    cointegration: bool = True
    """False: nothing is tested, pairs are judged by correlation and spread alone."""
    min_half_life: float = 2.0
    """Bars: what comes back faster is bounce between bid and ask."""
    max_half_life: float | None = None
    """Bars; None is a quarter of the closes."""

    def __attrs_post_init__(self) -> None:
        if not 0 < self.fdr <= 1:
            raise ConfigError(f"must be above 0 and at most 1, not {self.fdr}", where="fdr")
        least = self.min_correlation
        if least is not None and not -1 <= least <= 1:
            raise ConfigError(f"must be from -1 to 1, not {least}", where="min_correlation")

    def longest(self, bars: int) -> float:
        """Return the longest half-life that survives in *bars* closes."""
        return bars / 4.0 if self.max_half_life is None else self.max_half_life


@frozen(eq=False, kw_only=True)
class Screen:
    """What came of a screen."""

    closes: AlignedCloses
    rule: ScreenRule
    sectors: tuple[str | None, ...]
    tests: PairTests | None
    """Every pair that was tested; None with `cointegration` off."""
    correlations: Floats
    """Of log returns, by symbol and symbol."""
    family: Places
    """Pairs that were tested or measured, collinear ones left out."""
    collinear: tuple[tuple[str, str], ...]
    """Pairs that were refused: their legs explain each other wholly."""
    integrations: tuple[Integration, ...]
    """Unit-root tests of each symbol."""
    p_values: Floats
    """Of each pair of the family; empty with `cointegration` off."""
    q_values: Floats
    q_values_by: Floats
    naive: int
    """Pairs of which one direction has p < 0.05: what a search that does not count reports."""
    survivors: tuple[ScreenedPair, ...] = ()
    """The most certain first: by q-value, then p-value, then name."""

    @property
    def test_count(self) -> int:
        """Members of the family that were tested; both directions are one."""
        return len(self.p_values)

    @property
    def discoveries(self) -> int:
        """Pairs with a q-value at most the false discovery rate, before other filters."""
        return int(np.count_nonzero(self.q_values <= self.rule.fdr))

    @property
    def ties(self) -> int:
        """Directions of which rounding chose the number of lags."""
        return 0 if self.tests is None else int(self.tests.tied[:, ~self.tests.collinear].sum())

    def every_pair(self) -> tuple[ScreenedPair, ...]:
        """Return every pair of the family, survivors or not, in the order of survivors."""
        return _ordered(_described(self, np.arange(len(self.family))))


def screen(
    closes: AlignedCloses,
    rule: ScreenRule,
    *,
    sectors: Sequence[str | None] | None = None,
    watch: Watch | None = None,
    kept: ScreenState | None = None,
    tiles: TileRunner | None = None,
) -> Screen:
    """
    Test the pairs of *closes* and judge them.

    Args:
        closes: The universe.
        rule: What is tested, and what survives.
        sectors: Of each symbol; needed for `same_sector`.
        watch: Told of pairs as they are tested.
        kept: Where tests are kept when this is interrupted, and gone on from.
        tiles: Who tests; None is all processors of this machine.

    Raises:
        NotEnoughData: There are too few closes for the lags.
        RefusedError: No pair is left to test, a price never changes, or there are more pairs than
            memory should be filled with.
    """
    _refuse_too_many(len(closes.symbols))
    _refuse_constant(closes)
    groups = tuple(sectors or (None,) * len(closes.symbols))
    rule.lags.most(len(closes))
    correlations = np.asarray(np.corrcoef(np.diff(closes.log_prices, axis=1)))
    family = _family(correlations, groups, rule)
    tests = None
    if rule.cointegration:
        tests = _tested(closes, family, rule, watch, kept, tiles)
    found = _judged(closes, rule, groups, correlations, family, tests)
    return _with_survivors(found)


def _refuse_too_many(symbols: int) -> None:
    pairs = symbols * (symbols - 1) // 2
    if pairs > MOST_PAIRS:
        raise RefusedError(
            f"{symbols:,} symbols are {pairs:,} pairs, more than {MOST_PAIRS:,}",
            where="--symbols",
            remedy="screen them in several runs, for instance a sector in each",
        )


def _refuse_constant(closes: AlignedCloses) -> None:
    # `align` leaves out what never changes; in a part of its closes it may be another symbol.
    still = np.flatnonzero(np.ptp(closes.log_prices, axis=1) == 0)
    if len(still):
        raise RefusedError(
            "its price never changes in the closes that are screened",
            where=closes.symbols[still[0]],
            remedy="leave the symbol out, or widen the period",
        )


def _family(correlations: Floats, sectors: Sequence[str | None], rule: ScreenRule) -> Places:
    """Return the pairs to test: correlation and sector alone may leave any out."""
    pairs = all_pairs(len(correlations))
    keep = np.ones(len(pairs), np.bool_)
    if rule.min_correlation is not None:
        keep &= correlations[pairs[:, 0], pairs[:, 1]] >= rule.min_correlation
    if rule.same_sector:
        codes = {sector: code for code, sector in enumerate(dict.fromkeys(sectors))}
        # A sector that is not known is no sector: each such symbol stands alone.
        own = np.array([codes[s] if s is not None else -1 - at for at, s in enumerate(sectors)])
        keep &= own[pairs[:, 0]] == own[pairs[:, 1]]
    if not keep.any():
        raise RefusedError(
            f"none of {len(pairs)} pairs is left to test",
            where="--same-sector" if rule.same_sector else "--min-correlation",
            remedy="name more symbols of one sector, or ask for less correlation",
        )
    return pairs[keep]


def _tested(
    closes: AlignedCloses,
    family: Places,
    rule: ScreenRule,
    watch: Watch | None,
    kept: ScreenState | None,
    tiles: TileRunner | None,
) -> PairTests:
    tests = untested(family)
    if kept is not None:
        kept.restore(tests, closes, rule.lags)
    try:
        return engle_granger(
            closes.log_prices, family, rule.lags, watch=watch, tiles=tiles, into=tests
        )
    except BaseException:  # Ctrl-C above all
        if kept is not None:
            kept.keep(tests, closes, rule.lags)
        raise


def _judged(
    closes: AlignedCloses,
    rule: ScreenRule,
    sectors: tuple[str | None, ...],
    correlations: Floats,
    family: Places,
    tests: PairTests | None,
) -> Screen:
    """Return the screen with its q-values, and no survivors yet."""
    collinear = np.zeros(len(family), np.bool_) if tests is None else tests.collinear
    p_values, naive = np.empty(0), 0
    if tests is not None:
        both = tests.p_values[:, ~collinear]
        p_values, naive = two_looks(*both), int((both.min(axis=0) < NAIVE_LEVEL).sum())
    return Screen(
        closes=closes,
        rule=rule,
        sectors=sectors,
        tests=tests,
        correlations=correlations,
        family=family[~collinear],
        collinear=tuple(
            (closes.symbols[one], closes.symbols[other]) for one, other in family[collinear]
        ),
        integrations=tuple(integration(each, rule.lags) for each in closes.log_prices),
        p_values=p_values,
        q_values=benjamini_hochberg(p_values),
        q_values_by=benjamini_yekutieli(p_values),
        naive=naive,
    )


def _with_survivors(found: Screen) -> Screen:
    """Return *found* with the pairs that nothing speaks against."""
    places = np.arange(len(found.family))
    if found.tests is not None:
        places = places[found.q_values <= found.rule.fdr]
    pairs = _described(found, places)
    return evolve(found, survivors=_ordered(pair for pair in pairs if pair.survives))


def _ordered(pairs: Iterable[ScreenedPair]) -> tuple[ScreenedPair, ...]:
    """Return the most certain first; where nothing was tested, the most correlated."""

    def rank(pair: ScreenedPair) -> tuple[float, float, str, str]:
        if pair.q_value is None or pair.p_value is None:
            return -pair.correlation, 0.0, pair.leg1, pair.leg2
        return pair.q_value, pair.p_value, pair.leg1, pair.leg2

    return tuple(sorted(pairs, key=rank))


def _described(found: Screen, places: Places) -> list[ScreenedPair]:
    """Return the pairs at *places* of the family with everything that is said about them."""
    pairs, logs = found.family[places], found.closes.log_prices
    tests, tested = found.tests, places
    if tests is None:
        from_mean = logs - logs.mean(axis=1, keepdims=True)
        one, other = from_mean[pairs[:, 0]], from_mean[pairs[:, 1]]
        slopes = np.einsum("pt,pt->p", one, other) / np.einsum("pt,pt->p", other, other)
    else:
        tested = np.flatnonzero(~tests.collinear)[places]
        slopes = tests.hedge_ratios[0, tested]
    spreads = describe_spreads(logs, pairs, slopes)
    return [
        _pair(found, int(place), row, int(tested[row]), float(slopes[row]), spreads)
        for row, place in enumerate(places)
    ]


def _pair(
    found: Screen, place: int, row: int, tested: int, slope: float, spreads: Spreads
) -> ScreenedPair:
    one, other = (int(leg) for leg in found.family[place])
    is_tested = found.tests is not None
    return ScreenedPair(
        leg1=found.closes.symbols[one],
        leg2=found.closes.symbols[other],
        sectors=(found.sectors[one], found.sectors[other]),
        correlation=float(found.correlations[one, other]),
        ab=_direction(found.tests, 0, tested),
        ba=_direction(found.tests, 1, tested),
        p_value=float(found.p_values[place]) if is_tested else None,
        q_value=float(found.q_values[place]) if is_tested else None,
        q_value_by=float(found.q_values_by[place]) if is_tested else None,
        hedge_ratio=slope,
        hedge_ratio_low=float(spreads.hedge_lows[row]),
        hedge_ratio_high=float(spreads.hedge_highs[row]),
        intercept=float(spreads.means[row]),
        deviation=float(spreads.deviations[row]),
        half_life=_finite(spreads.half_lives[row]),
        half_life_low=_finite(spreads.half_life_lows[row]),
        half_life_high=_finite(spreads.half_life_highs[row]),
        variance_ratio=float(spreads.variance_ratios[row]),
        variance_ratio_p_value=float(spreads.variance_ratio_p_values[row]),
        crossings=int(spreads.crossings[row]),
        failures=tuple(_failures(found, place, row, spreads)),
    )


def _direction(tests: PairTests | None, direction: int, pair: int) -> Direction | None:
    if tests is None:
        return None
    return Direction(
        statistic=float(tests.statistics[direction, pair]),
        p_value=float(tests.p_values[direction, pair]),
        lags=int(tests.lags[direction, pair]),
        is_tied=bool(tests.tied[direction, pair]),
    )


def _finite(bars: float) -> float | None:
    return float(bars) if np.isfinite(bars) else None


def _failures(found: Screen, place: int, row: int, spreads: Spreads) -> Iterator[Failure]:
    rule = found.rule
    legs = [found.integrations[leg] for leg in found.family[place]]
    if found.tests is not None and found.q_values[place] > rule.fdr:
        yield Failure.Q_VALUE
    longest = rule.longest(len(found.closes))
    if not rule.min_half_life <= spreads.half_lives[row] <= longest:
        yield Failure.HALF_LIFE
    if spreads.variance_ratios[row] >= 1:
        yield Failure.VARIANCE_RATIO
    if any(leg.is_stationary for leg in legs):
        yield Failure.STATIONARY_LEG
    if any(leg.is_integrated_twice for leg in legs):
        yield Failure.LEG_INTEGRATED_TWICE
