"""One lost request at a venue that answers late does not halt a pair, unless the user wants it."""

from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import evolve

from algopioneer_core.bootstrap.leg_deadlines import leg_deadlines
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.runtime.execution_rules import ExecutionRules
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.simulation.spread_backtest import PATIENT_RULES
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import (
    MINUTE_NS,
    SpreadFlipper,
    running_session,
    session_plan,
    strategy_plan,
)
from algopioneer_core.testing.simulation_market import REFERENCE

COIN, TWIN = REFERENCE.coin, REFERENCE.twin

AT_ONCE = VenueModes().capabilities()
IN_A_MINUTE = VenueModes(read_lag_ns=59 * NS_PER_SECOND).capabilities()
"""It takes a minute until an order that is shown nowhere is proven absent."""

REPLAYED = evolve(AT_ONCE, lockstep=True)


def _deadlines(rules: LegRules | None = None, **terms: Any) -> LegRules:
    usual: dict[str, Any] = {
        "is_given": False,
        "interval_ns": MINUTE_NS,
        "venues": [AT_ONCE, IN_A_MINUTE],
        "execution": ExecutionRules(),
    }
    return leg_deadlines(rules or LegRules(), **usual | terms)


def test_a_pair_waits_until_a_lost_request_is_proven_absent_and_corrected() -> None:
    """The slower venue counts: no answer for ten seconds, a minute of absence, and the rest."""
    assert _deadlines() == LegRules(max_residual_s=Decimal(90))
    slow = ExecutionRules(submit_timeout_s=Decimal("12.5"))
    assert _deadlines(execution=slow).max_residual_s == Decimal("92.5")


def test_a_venue_that_answers_soon_changes_nothing() -> None:
    """Nor does one that takes less than the deadline there is anyhow."""
    longer = LegRules(max_residual_s=Decimal(100))
    assert _deadlines(longer) == longer
    assert _deadlines(venues=[AT_ONCE]).max_residual_s == Decimal(31)
    assert _deadlines(venues=[]) == LegRules()


def test_what_the_user_says_is_kept() -> None:
    """However short it is."""
    assert _deadlines(is_given=True) == LegRules()


def test_a_replay_has_no_deadline_that_no_bar_could_meet() -> None:
    """Orders fill at the next bar; longer patience than a bar is the user's wish."""
    replayed = _deadlines(venues=[REPLAYED, REPLAYED])
    assert replayed.max_residual_s == PATIENT_RULES.max_residual_s
    patient = LegRules(patience_s=Decimal(100), max_residual_s=Decimal(200))
    assert _deadlines(patient, venues=[REPLAYED]) == patient


async def _told_after_a_lost_request(rules: LegRules) -> list[str]:
    """Return what people are told within two minutes after a leg's request was lost on its way."""
    venue = ReferenceVenue(
        [COIN, TWIN],
        VirtualClock(),
        modes=VenueModes(read_lag_ns=59 * NS_PER_SECOND),
        config=PaperConfig(balances=("USD=100000",), slippage_bps=Decimal(0)),
        margin=PaperMargin.NONE,
    )
    pair = strategy_plan(
        "pair",
        lambda: SpreadFlipper(COIN.id, TWIN.id),
        COIN,
        TWIN,
        legs=rules,
    )
    plan = session_plan(pair, resume=Resume.WALLCLOCK)
    async with running_session(plan, venue, MemoryDisk()) as running:
        _quote(venue)
        await anyio.sleep(60 - anyio.current_time())
        await venue.apply(Fault(0, FaultKind.LOST_REQUEST))
        now_ns = VirtualClock().now_ns()
        for each in (COIN, TWIN):
            venue.push(Bar(each.id, now_ns, 10_000, 10_000, 10_000, 10_000, 0, 2, 0, now_ns))
        for _ in range(24):
            _quote(venue)
            await wait_all_blocked()
            await anyio.sleep(5)
        assert running.engine("pair").legs.state is LegState.FLAT
    return [each for each in running.notes.subjects if "halted" in each]


def _quote(venue: ReferenceVenue) -> None:
    now_ns, price, size = VirtualClock().now_ns(), Decimal(100), Decimal(1_000)
    for each in (COIN, TWIN):
        venue.push(Quote(each.id, now_ns, price, price, size, size, now_ns))


@pytest.mark.parametrize(("is_given", "expected"), [(False, []), (True, ["pair is halted"])])
async def test_one_lost_request_does_not_halt_a_pair(is_given: bool, expected: list[str]) -> None:
    """By default the other leg is cut back once it is known to stand alone; less time halts."""
    rules = _deadlines(venues=[IN_A_MINUTE], is_given=is_given)
    assert await _told_after_a_lost_request(rules) == expected
