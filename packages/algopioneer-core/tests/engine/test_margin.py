"""How far contracts are from being closed by the venue, and which stage that is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.engine.margin import MarginRules, MarginStage, MarginState, MarginWatch

_D = Decimal
RULES = MarginRules(warn_at=_D("0.5"), reduce_at=_D("0.25"), flatten_at=_D("0.1"), free_at=_D(0))


def state(equity: str, maintenance: str = "90", free: str = "0") -> MarginState:
    """Return what stands behind contracts."""
    return MarginState(asset="USD", equity=_D(equity), maintenance=_D(maintenance), free=_D(free))


@pytest.mark.parametrize(
    ("equity", "maintenance", "stage", "distance"),
    [
        ("100", "0", MarginStage.NORMAL, None),
        ("0", "0", MarginStage.NORMAL, None),
        ("180.1", "90", MarginStage.NORMAL, "0.5003"),
        ("180", "90", MarginStage.WARN, "0.5"),
        ("120.1", "90", MarginStage.WARN, "0.2506"),
        ("120", "90", MarginStage.REDUCE_ONLY, "0.25"),
        ("100", "90", MarginStage.FLATTEN, "0.1"),
        ("80", "90", MarginStage.FLATTEN, "-0.125"),
        ("0", "90", MarginStage.FLATTEN, "-1"),
        ("-5", "90", MarginStage.FLATTEN, "-1"),
    ],
)
def test_a_stage_begins_where_its_share_of_equity_may_be_lost(
    equity: str, maintenance: str, stage: MarginStage, distance: str | None
) -> None:
    """At the share it has begun; without contracts there is nothing to close."""
    seen = state(equity, maintenance)
    assert RULES.stage_of(seen) is stage
    assert seen.distance == (None if distance is None else _D(distance))


def test_stages_that_are_off_are_left_out() -> None:
    """The others go on; an account that has no contracts is never near."""
    rules = MarginRules(warn_at=_D(0), reduce_at=_D("0.2"), flatten_at=_D(0), free_at=_D(0))
    assert rules.stage_of(state("91")) is MarginStage.REDUCE_ONLY
    assert rules.stage_of(state("180")) is MarginStage.NORMAL
    assert rules.stage_of(None) is MarginStage.NORMAL


def test_little_that_is_free_is_told_and_no_more() -> None:
    """Nothing new can be covered then, and what is there is not near its end yet."""
    rules = MarginRules(free_at=_D("0.05"))
    assert rules.stage_of(state("1000", free="50")) is MarginStage.WARN
    assert rules.stage_of(state("1000", free="50.01")) is MarginStage.NORMAL
    assert rules.stage_of(state("1000", maintenance="0", free="0")) is MarginStage.NORMAL
    assert rules.stage_of(state("95", free="0")) is MarginStage.FLATTEN


def test_stages_come_in_their_order() -> None:
    """The harder ones nearer to the venue's own."""
    with pytest.raises(ConfigError, match="warn_at"):
        MarginRules(warn_at=_D("0.2"), reduce_at=_D("0.2"))


@given(st.lists(st.integers(80, 300)))
def test_each_stage_is_said_once_until_all_is_well(equities: list[int]) -> None:
    """It never says a softer one after a harder one, and begins anew when none holds."""
    watch, hardest = MarginWatch(RULES), MarginStage.NORMAL
    for equity in equities:
        seen = state(str(equity))
        now = RULES.stage_of(seen)
        told = watch.see(seen)
        assert told is (now if now > hardest else None)
        hardest = MarginStage.NORMAL if now is MarginStage.NORMAL else max(hardest, now)
        assert watch.stage is hardest
