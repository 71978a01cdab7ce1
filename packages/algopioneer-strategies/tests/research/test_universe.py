"""Closes of many symbols meet on one calendar, and nobody's halt becomes somebody's price."""

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_strategies.research.universe import SymbolCloses, align

HOUR = 3_600_000_000_000
BARS = 20


def closes(symbol: str, *, missing: tuple[int, ...] = (), first: float = 10.0) -> SymbolCloses:
    """Return hourly closes that rise, without the hours that are *missing*."""
    hours = np.delete(np.arange(BARS), missing)
    return SymbolCloses(symbol, hours * HOUR, np.float64(first) + hours)


def test_joint_closes_are_those_at_which_all_are_there() -> None:
    """A halt takes its hours out for everybody; nothing is filled forward."""
    aligned, _ = align([closes("A"), closes("B", missing=(3,), first=5.0)], HOUR, min_coverage=0.9)
    assert ("A", "B") == aligned.symbols
    hours = np.delete(np.arange(BARS), 3)
    assert np.array_equal(hours * HOUR, aligned.times_ns)
    assert np.allclose(np.exp(aligned.log_prices), [10.0 + hours, 5.0 + hours])


def test_a_symbol_that_is_rarely_there_is_left_out_and_named() -> None:
    """It would take its missing hours from all the others."""
    rare = closes("C", missing=tuple(range(2, 14)))
    aligned, coverage = align([closes("A"), closes("B"), rare], HOUR, min_coverage=0.9)
    assert (("A", "B"), BARS) == (aligned.symbols, len(aligned))
    assert [None, None, "it has 40.0% of the calendar's bars"] == [c.left_out for c in coverage]
    assert (8, 12) == (coverage[2].bars, coverage[2].longest_gap)


def test_a_symbol_around_the_clock_does_not_set_the_calendar() -> None:
    """Times that only one of three has are no times of the calendar."""
    half_hours = np.arange(2 * BARS) * (HOUR // 2)
    busy = SymbolCloses("C", half_hours, np.float64(10) + np.arange(2 * BARS))
    aligned, coverage = align([closes("A"), closes("B"), busy], HOUR, min_coverage=0.9)
    assert (("A", "B", "C"), BARS) == (aligned.symbols, len(aligned))
    assert [1.0, 1.0, 1.0] == [each.share for each in coverage]


def test_a_price_that_never_changes_is_left_out() -> None:
    """There is nothing to regress on."""
    still = SymbolCloses("C", np.arange(BARS) * HOUR, np.full(BARS, 7.0))
    aligned, coverage = align([closes("A"), still, closes("B")], HOUR, min_coverage=0.9)
    assert ("A", "B") == aligned.symbols
    assert ("its price never changes", BARS) == (
        coverage[1].left_out,
        coverage[1].longest_unchanged,
    )


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([closes("A")], "there is 1"),
        ([closes("A"), SymbolCloses("B", np.arange(BARS) * HOUR, np.ones(BARS))], "never changes"),
        ([], "there are 0"),
    ],
    ids=["one", "one and a constant", "none"],
)
def test_a_universe_of_one_is_refused(found: list[SymbolCloses], message: str) -> None:
    """A pair needs two; the message says what became of the others."""
    with pytest.raises(RefusedError, match=message):
        align(found, HOUR, min_coverage=0.5)


def test_symbols_without_a_common_time_are_refused() -> None:
    """Half of the calendar each, but never the same half."""
    later = tuple(range(10))
    earlier = tuple(range(10, BARS))
    always = closes("C")
    with pytest.raises(RefusedError, match="no close time in common"):
        align(
            [closes("A", missing=later), closes("B", missing=earlier), always],
            HOUR,
            min_coverage=0.4,
        )


@pytest.mark.parametrize("hours", [[0, 1, 1], [0, 2, 1]], ids=["twice", "backward"])
def test_times_that_do_not_rise_are_refused(hours: list[int]) -> None:
    """Which of two closes is the right one is not guessed."""
    times: NDArray[np.int64] = np.array(hours) * HOUR
    with pytest.raises(DataError, match="A: two closes at 1970-01-01T01:00:00Z, or times"):
        SymbolCloses("A", times, np.ones(3))


def test_a_part_of_the_closes() -> None:
    """Symbols by place, times by position."""
    aligned, _ = align([closes("A"), closes("B", first=3.0)], HOUR, min_coverage=0.9)
    part = aligned.between(2, 5).only([1])
    assert (("B",), [2 * HOUR, 3 * HOUR, 4 * HOUR]) == (part.symbols, part.times_ns.tolist())
    assert np.allclose(np.exp(part.log_prices), [[5.0, 6.0, 7.0]])
