"""Fault plans repeat with their seed, stay within their bounds, and are played on time."""

import random

import anyio
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.testing.fault_plans import Fault, FaultKind, FaultPlan, draw_plan, play

HOUR_NS = 3_600 * 10**9


def plan_of(seed: int, **options: object) -> FaultPlan:
    """Draw a plan of an hour for two venues."""
    arguments: dict[str, object] = {"duration_ns": HOUR_NS, "targets": ["a", "b"], "count": 40}
    return draw_plan(random.Random(seed).random, **{**arguments, **options})  # type: ignore[arg-type] # checked where they are used


@given(seed=st.integers(0, 2**64), count=st.integers(0, 100), longest=st.integers(0, 10**12))
def test_a_plan_stays_within_its_bounds(seed: int, count: int, longest: int) -> None:
    """Number, times, targets and durations are those asked for; only what lasts has a duration."""
    plan = plan_of(seed, count=count, longest_ns=longest)
    assert len(plan.faults) == count
    assert list(plan.faults) == sorted(plan.faults)
    for fault in plan.faults:
        assert 0 <= fault.at_ns < HOUR_NS
        assert fault.target in ("a", "b")
        assert 0 <= fault.duration_ns <= (longest if fault.kind.lasts else 0)


def test_one_seed_is_one_plan() -> None:
    """Drawn twice it is equal; another seed is another plan."""
    assert plan_of(1) == plan_of(1)
    assert plan_of(1) != plan_of(2)


def test_a_plan_prints_as_python() -> None:
    """What a failed simulation prints can be pasted into a test."""
    plan = plan_of(3)
    assert plan == eval(repr(plan))


def test_odds_decide_what_comes() -> None:
    """Kinds left out never come, and heavier ones come more often."""
    plan = plan_of(1, count=400, odds={FaultKind.REJECT: 9, FaultKind.KILL: 1})
    rejects, kills = plan.of(FaultKind.REJECT), plan.of(FaultKind.KILL)
    assert len(rejects.faults) + len(kills.faults) == 400
    assert 20 < len(kills.faults) < 60


def test_every_kind_is_drawn_sooner_or_later() -> None:
    """Nothing that can go wrong is left out by default."""
    assert {fault.kind for fault in plan_of(5, count=600).faults} == set(FaultKind)


def test_a_plan_is_split_by_target() -> None:
    """Each part of a simulation takes what befalls it."""
    plan = plan_of(4)
    parts = plan.on("a").faults + plan.on("b").faults
    assert sorted(parts) == list(plan.faults)


async def test_faults_are_played_on_time() -> None:
    """Each begins when it should, beside one that still lasts."""
    plan = FaultPlan(
        [
            Fault(5 * 10**9, FaultKind.REJECT),
            Fault(10**9, FaultKind.OUTAGE, duration_ns=10 * 10**9),
        ]
    )
    seen: list[tuple[float, str]] = []

    async def apply(fault: Fault) -> None:
        seen.append((anyio.current_time(), fault.kind.value))
        await anyio.sleep(fault.duration_ns / 1e9)
        seen.append((anyio.current_time(), "over"))

    await anyio.sleep(100)
    await play(plan, apply)
    assert seen == [(101, "outage"), (105, "reject"), (105, "over"), (111, "over")]


async def test_a_fault_that_cannot_be_applied_ends_the_play() -> None:
    """A simulation must not go on without the faults it was to have."""

    async def apply(fault: Fault) -> None:
        await anyio.lowlevel.checkpoint()
        raise LookupError(fault.kind)

    failures: list[BaseException] = []
    try:
        await play(plan_of(1), apply)
    except* LookupError as group:
        failures += group.exceptions
    assert len(failures) == 1
