"""Bars of several legs are joined by their close time, as the backtest joins them."""

import pytest

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.runtime.joint_bars import JointBars
from algopioneer_core.testing.engine import make_bar

_A, _B = InstrumentId("sim", "A"), InstrumentId("sim", "B")


def _bar(instrument_id: InstrumentId, ts_ns: int) -> Bar:
    return make_bar("1", ts_ns, instrument_id=instrument_id)


@pytest.mark.parametrize("order", [(_A, _B), (_B, _A)])
def test_a_time_is_complete_with_its_last_leg(order: tuple[InstrumentId, ...]) -> None:
    """The joint bar has the legs in their configured order, whoever came first."""
    joint = JointBars([_A, _B])

    assert joint.put(_bar(order[0], 5)) is None
    assert joint.put(_bar(order[1], 5)) == JointBar(5, (_bar(_A, 5), _bar(_B, 5)))


def test_a_time_without_a_leg_is_skipped_once_a_later_one_is_complete() -> None:
    """That is the inner join; what comes after it is late, and counted."""
    joint = JointBars([_A, _B])
    for each in (_bar(_A, 1), _bar(_A, 2)):
        assert joint.put(each) is None

    assert joint.put(_bar(_B, 2)) is not None
    assert joint.put(_bar(_B, 1)) is None
    assert (joint.skipped, joint.late) == (1, 1)


def test_a_bar_that_comes_twice_is_counted_and_not_joined_with_itself() -> None:
    """Two bars of one leg are no pair."""
    joint = JointBars([_A, _B])
    joint.put(_bar(_A, 1))

    assert joint.put(_bar(_A, 1)) is None
    assert joint.late == 1


def test_a_time_is_given_up_when_its_grace_is_over() -> None:
    """Grace counts from the close; a leg that comes later is late."""
    joint = JointBars([_A, _B], grace_ns=10)
    joint.put(_bar(_A, 100))
    joint.expire(110)
    assert joint.skipped == 0

    joint.expire(111)

    assert joint.skipped == 1
    assert joint.put(_bar(_B, 100)) is None
    assert joint.late == 1


def test_without_a_grace_nothing_expires() -> None:
    """A replay waits for a later time, however far off it is."""
    joint = JointBars([_A, _B])
    joint.put(_bar(_A, 1))
    joint.expire(10**18)

    assert joint.put(_bar(_B, 1)) is not None


def test_a_leg_that_stays_silent_does_not_fill_the_memory() -> None:
    """Only so many times wait; the oldest are skipped."""
    joint = JointBars([_A, _B])
    for ts_ns in range(1, 1_500):
        joint.put(_bar(_A, ts_ns))

    waiting = joint.snapshot()["waiting"]
    assert isinstance(waiting, list)
    assert len(waiting) == 1_000
    assert joint.skipped == 499
    assert joint.put(_bar(_B, 1_499)) is not None


def test_what_waits_survives_a_restart() -> None:
    """Half of a pair, what was decided and the counts are in the snapshot."""
    joint, again = JointBars([_A, _B]), JointBars([_A, _B])
    joint.put(_bar(_A, 1))
    joint.put(_bar(_B, 1))
    joint.put(_bar(_A, 2))
    again.restore(joint.snapshot())

    assert again.put(_bar(_B, 1)) is None
    assert again.put(_bar(_B, 2)) is not None
    assert again.late == 1
