"""The daily loss: boundaries, transfers, stages, restarts."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.money import add, sub
from algopioneer_core.engine.daily_loss import DailyLoss, LossStage
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.trading_day import TradingDay

D = Decimal
DAY = 86_400_000_000_000


def following(*strategies: str, **limits: Any) -> DailyLoss:
    """Return a daily loss over UTC days, limited to 100 unless said otherwise."""
    loss = DailyLoss(RiskLimits(**(limits or {"daily_loss": D(100)})), TradingDay())
    for strategy in strategies or ("a",):
        loss.admit(strategy)
    return loss


def stage(loss: DailyLoss) -> LossStage:
    """Return the stage; a call, so that no type checker believes it stays."""
    return loss.stage


def state(loss: DailyLoss) -> tuple[object, LossStage]:
    """Return the day's gain and the stage."""
    return loss.pnl, loss.stage


def test_day_begins_at_the_first_equity_seen() -> None:
    """A session that starts at noon has lost nothing yet."""
    loss = following()
    assert loss.pnl is None
    loss.report(DAY // 2, {"a": D(1000)})
    assert loss.pnl == 0


@pytest.mark.parametrize(
    ("lost", "stage"),
    [
        ("49.99", LossStage.NORMAL),
        ("50", LossStage.WARN),
        ("74.99", LossStage.WARN),
        ("75", LossStage.NO_NEW_POSITIONS),
        ("90", LossStage.REDUCE_ONLY),
        ("99.99", LossStage.REDUCE_ONLY),
        ("100", LossStage.FLATTEN),
    ],
)
def test_stages_begin_at_their_loss(lost: str, stage: LossStage) -> None:
    """Exactly at the threshold, not beyond it."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    loss.report(1, {"a": sub(D(1000), D(lost))})
    assert loss.stage is stage


def test_stage_may_have_a_loss_of_its_own_or_be_left_out() -> None:
    """Money replaces the fraction; None leaves the stage out."""
    loss = following(
        daily_loss=D(100), warn_loss=D(10), no_new_at=None, reduce_at=None, flatten_loss=D(30)
    )
    loss.report(0, {"a": D(1000)})
    loss.report(1, {"a": D(990)})
    assert stage(loss) is LossStage.WARN
    loss.report(2, {"a": D("970.01")})
    assert stage(loss) is LossStage.WARN
    loss.report(3, {"a": D(970)})
    assert stage(loss) is LossStage.FLATTEN


def test_only_a_stage_of_its_own_needs_no_limit() -> None:
    """Without a limit the fractions mean nothing."""
    loss = following(reduce_loss=D(10))
    loss.report(0, {"a": D(1000)})
    loss.report(1, {"a": D(990)})
    assert stage(loss) is LossStage.REDUCE_ONLY


@pytest.mark.parametrize(
    ("limits", "flattens_at"),
    [
        ({"daily_loss_fraction": D("0.1")}, 200),
        ({"daily_loss_fraction": D("0.1"), "daily_loss": D(150)}, 150),
        ({"daily_loss_fraction": D("0.1"), "daily_loss": D(900)}, 200),
    ],
)
def test_limit_may_be_a_fraction_of_the_equity_at_the_boundary(
    limits: dict[str, Decimal], flattens_at: int
) -> None:
    """With both, the smaller counts."""
    loss = following(**limits)
    loss.report(0, {"a": D(2000)})
    loss.report(1, {"a": add(D(2000 - flattens_at), D("0.01"))})
    assert stage(loss) is LossStage.REDUCE_ONLY
    loss.report(2, {"a": D(2000 - flattens_at)})
    assert stage(loss) is LossStage.FLATTEN


def test_account_that_begins_with_nothing_may_lose_nothing() -> None:
    """A fraction of a negative equity is no room to lose."""
    loss = following(daily_loss_fraction=D("0.1"))
    loss.report(0, {"a": D(-5)})
    assert stage(loss) is LossStage.FLATTEN


def test_stage_stays_when_the_loss_is_made_good_and_ends_with_the_day() -> None:
    """Until the boundary there is no way back; then the day begins at the last equity."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    loss.report(1, {"a": D(900)})
    loss.report(2, {"a": D(940)})
    assert stage(loss) is LossStage.FLATTEN
    loss.report(3, {"a": D(2000)})
    assert stage(loss) is LossStage.FLATTEN
    loss.roll(DAY)
    assert stage(loss) is LossStage.NORMAL
    loss.report(DAY, {"a": D(1960)})
    assert state(loss) == (-40, LossStage.NORMAL)


def test_time_that_goes_back_does_not_reopen_a_day() -> None:
    """A late report belongs to the day that is under way."""
    loss = following()
    loss.report(DAY, {"a": D(1000)})
    loss.report(DAY - 1, {"a": D(960)})
    assert loss.pnl == -40


def test_transfer_is_no_gain_and_no_loss() -> None:
    """Also between the transfer and the first equity that contains it, nothing is judged."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    loss.transfer("a", 1, D(500))
    assert stage(loss) is LossStage.NORMAL
    loss.report(2, {"a": D(1490)})
    assert loss.pnl == -10
    loss.transfer("a", 3, D(-400))
    loss.report(4, {"a": D(1090)})
    assert state(loss) == (-10, LossStage.NORMAL)


def test_transfer_that_crosses_the_boundary_is_no_gain_of_the_new_day() -> None:
    """Paid in before midnight, first seen in equity after it."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    loss.transfer("a", DAY - 1, D(500))
    loss.report(DAY + 1, {"a": D(1500)})
    assert loss.pnl == 0


def test_transfer_of_unknown_worth_leaves_the_day_unknown_until_the_next() -> None:
    """The next day begins at its first known equity, since the last one lacks the transfer."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    loss.transfer("a", 1, None)
    loss.transfer("a", 2, D(5))
    loss.report(3, {"a": D(1005)})
    assert state(loss) == (None, LossStage.NORMAL)
    loss.report(DAY, {"a": D(1005)})
    assert loss.pnl == 0
    loss.transfer("a", DAY + 1, None)
    loss.report(2 * DAY, {"a": D(3)})
    assert loss.pnl == 0


def test_total_is_unknown_while_a_part_is() -> None:
    """And a stage is not judged on half of the picture."""
    loss = following("a", "b")
    loss.report(0, {"a": D(1000)})
    loss.report(1, {"a": D(0)})
    assert state(loss) == (None, LossStage.NORMAL)
    loss.report(2, {"b": D(50)})
    assert state(loss) == (-1000, LossStage.FLATTEN)


def test_strategies_add_up() -> None:
    """One's gain makes room for the other's loss, judged when both are known."""
    loss = following("a", "b")
    loss.report(0, {"a": D(1000), "b": D(1000)})
    loss.report(1, {"a": D(880), "b": D(1100)})
    assert state(loss) == (-20, LossStage.NORMAL)


def test_equity_lost_over_a_boundary_counts_the_worse_way() -> None:
    """Unknown at the boundary: the day begins at the larger of before and after."""
    for after, pnl in ((D(900), -100), (D(1300), 0)):
        loss = following()
        loss.report(0, {"a": D(1000)})
        loss.report(1, {"a": None})
        assert loss.pnl is None
        loss.report(DAY + 1, {"a": after})
        assert loss.pnl == pnl


def test_rebuilt_boundary_replaces_the_guess() -> None:
    """History knows what the positions were worth at midnight."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    loss.report(1, {"a": None})
    loss.report(DAY + 1, {"a": D(1300)})
    loss.rebuild("a", D(1350))
    assert loss.pnl == -50


def restarted(loss: DailyLoss) -> DailyLoss:
    """Return what a new session knows: the snapshot, by way of JSON."""
    again = following()
    again.restore(json.loads(json.dumps(loss.snapshot())))
    return again


def test_limits_survive_a_restart_within_the_day() -> None:
    """The loss before the restart still counts; nothing is known until equity is reported."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    loss.transfer("a", 1, D(10))
    loss.report(2, {"a": D(930)})
    again = restarted(loss)
    assert state(again) == (None, LossStage.NO_NEW_POSITIONS)
    again.report(3, {"a": D(930)})
    assert again.pnl == -80


def test_restart_after_the_boundary_begins_at_the_larger_equity() -> None:
    """A loss made while down counts; a gain made while down is no room to lose."""
    for after, pnl in ((D(900), -30), (D(1000), 0)):
        loss = following()
        loss.report(0, {"a": D(1000)})
        loss.report(1, {"a": D(930)})
        again = restarted(loss)
        again.report(DAY + 1, {"a": after})
        assert state(again) == (pnl, LossStage.NORMAL)


def test_transfer_made_while_down_is_told_apart_from_a_gain() -> None:
    """Reconciliation reports it before the first equity."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    again = restarted(loss)
    again.transfer("a", DAY + 1, D(500))
    again.report(DAY + 2, {"a": D(1480)})
    assert again.pnl == -20


def test_restart_before_anything_was_known_knows_nothing() -> None:
    """An empty snapshot is no day."""
    again = restarted(following())
    again.report(7 * DAY, {"a": D(5)})
    assert again.pnl == 0


def test_withdrawn_strategy_counts_for_the_rest_of_its_day() -> None:
    """Removing a strategy does not remove its loss."""
    loss = following("a", "b")
    loss.report(0, {"a": D(1000), "b": D(1000)})
    loss.report(1, {"a": D(960)})
    loss.withdraw("a")
    loss.report(2, {"b": D(990)})
    assert loss.pnl == -50
    again = DailyLoss(RiskLimits(daily_loss=D(100)), TradingDay())
    again.restore(json.loads(json.dumps(loss.snapshot())))
    again.report(3, {"b": D(990)})
    assert again.pnl == -50
    again.report(DAY, {"b": D(985)})
    assert again.pnl == -5


def test_withdrawn_strategy_that_comes_back_has_to_report() -> None:
    """Its day goes on where it was."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    loss.withdraw("a")
    loss.admit("a")
    assert loss.pnl is None
    loss.report(1, {"a": D(990)})
    assert loss.pnl == -10


def test_withdrawing_who_never_reported_leaves_nothing() -> None:
    """Nor does withdrawing who was never admitted."""
    loss = following("a", "b")
    loss.withdraw("a")
    loss.withdraw("stranger")
    loss.report(0, {"b": D(1)})
    assert loss.pnl == 0


MOVES = st.lists(
    st.tuples(
        st.integers(0, DAY // 3), st.integers(-300, 300), st.sampled_from(["trade", "transfer"])
    ),
    max_size=40,
)


@given(MOVES)
def test_day_pnl_is_the_sum_of_the_days_trading(moves: list[tuple[int, int, str]]) -> None:
    """Whatever is paid in or out, and over any number of boundaries."""
    loss = following()
    loss.report(0, {"a": D(1000)})
    now, equity, gained, worst = 0, 1000, 0, 0
    for gap, amount, kind in moves:
        if (now + gap) // DAY > now // DAY:
            gained = worst = 0
        now += gap
        equity += amount
        if kind == "transfer":
            loss.transfer("a", now, D(amount))
        else:
            gained += amount
        loss.report(now, {"a": D(equity)})
        worst = min(worst, gained)
        assert loss.pnl == gained
        reached = sum(-worst >= each for each in (50, 75, 90, 100))
        assert loss.stage == reached
