"""How the bars of a session differ from those there were, bar by bar."""

from typing import Any

import pytest

from algopioneer_core.domain.events import StrategyStarted
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.domain.money import ZERO
from algopioneer_core.parity.causes import Cause
from algopioneer_core.parity.seen_bars import bar_facts, series_of

A, B = InstrumentId("sim", "A"), InstrumentId("sim", "B")
MINUTE = 60_000_000_000
WHOLE = Bar(A, MINUTE, 100, 120, 90, 110, 50, 2, 0, MINUTE)


def causes(seen: Bar, there: Bar) -> list[Cause]:
    """Return the classes of what comes of one bar."""
    return [fact.cause for fact in bar_facts(series_of([seen]), series_of([there]))]


def test_one_bar_on_two_grids_is_one_bar() -> None:
    """And when it was received is no matter."""
    finer = Bar(A, MINUTE, 1000, 1200, 900, 1100, 500, 3, 1, MINUTE + 7)
    assert causes(finer, WHOLE) == []
    assert causes(WHOLE._replace(ts_recv=1), WHOLE) == []


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"close_ticks": 105, "high_ticks": 106}, Cause.UNFINISHED_BAR),
        ({"low_ticks": 95}, Cause.UNFINISHED_BAR),
        ({"volume_lots": 49}, Cause.UNFINISHED_BAR),
        ({"volume_lots": 51}, Cause.CONFIGURATION),
        ({"open_ticks": 101}, Cause.CONFIGURATION),
        ({"high_ticks": 121}, Cause.CONFIGURATION),
        ({"low_ticks": 89}, Cause.CONFIGURATION),
        ({"instrument_id": B}, Cause.CONFIGURATION),
    ],
)
def test_a_bar_can_grow_and_not_shrink(changes: dict[str, Any], cause: Cause) -> None:
    """What a finished bar cannot have come from is of other data."""
    assert causes(WHOLE._replace(**changes), WHOLE) == [cause]


def test_of_two_legs_the_one_that_differs_is_named() -> None:
    """With its figures in both."""
    other = WHOLE._replace(instrument_id=B)
    early = other._replace(close_ticks=100, high_ticks=100)
    seen = series_of([JointBar(MINUTE, (WHOLE, early)), StrategyStarted("ma", 1, ZERO)])
    [fact] = bar_facts(seen, series_of([JointBar(MINUTE, (WHOLE, other))]))
    assert fact.instrument_ids == {B}
    assert fact.text == (
        "the session saw the bar of sim:B until 1970-01-01T00:01:00Z before it was finished, "
        "at open 1, high 1, low 0.9, close 1, volume 50; "
        "it became open 1, high 1.2, low 0.9, close 1.1, volume 50"
    )


def test_a_bar_that_came_late_is_a_gap_though_it_is_the_same() -> None:
    """Nothing could be done about it any more."""
    series = series_of([WHOLE])
    [fact] = bar_facts(series, series, only_shown={MINUTE})
    assert (fact.ts_ns, fact.cause) == (MINUTE, Cause.DATA_GAP)
