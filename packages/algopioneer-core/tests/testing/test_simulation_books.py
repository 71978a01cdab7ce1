"""What is looked at only where something changed finds what a look at everything finds."""

import pytest

from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.testing.simulate import Failure, run_seed
from algopioneer_core.testing.simulation import Outcome
from algopioneer_core.testing.simulation_books import BookKeeper

_MINUTES = 6


def _look_at_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each check look at all legs and count all fills again."""

    def everything(self: BookKeeper, _: Floor | None) -> list[str]:
        return list(self.venue.traded.spreads)

    check, audit = BookKeeper.check, BookKeeper.audit

    def whole(self: BookKeeper, floor: Floor | None, now_ns: int) -> None:
        with monkeypatch.context() as inner:
            inner.setattr(BookKeeper, "check", check)
            audit(self, floor, now_ns)

    monkeypatch.setattr(BookKeeper, "_spreads_to_check", everything)
    monkeypatch.setattr(BookKeeper, "check", whole)


def _forget_legs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a leg manager that corrects nothing."""
    monkeypatch.setattr(LegManager, "review", lambda *_: ())


def test_nothing_escapes_the_quick_look_where_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a count of everything at each event the same history holds, with as many checks."""
    quick = run_seed(3, _MINUTES)
    _look_at_everything(monkeypatch)
    assert isinstance(quick, Outcome)
    assert quick == run_seed(3, _MINUTES)


def test_both_find_the_same_where_legs_are_left_uneven(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words of the same moment."""
    _forget_legs(monkeypatch)
    found = next(each for n in range(1, 20) if isinstance(each := run_seed(n, 12), Failure))
    _look_at_everything(monkeypatch)
    again = run_seed(found.seed, 12)
    assert isinstance(again, Failure)
    assert "the legs of" in found.broken[0]
    assert again.broken == found.broken


def test_the_audit_counts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fills that were left out of the count are found at the next audit."""
    monkeypatch.setattr(BookKeeper, "_book", lambda *_: None)
    monkeypatch.setattr(BookKeeper, "_check_engines", lambda *_: None)
    result = run_seed(1, 10)
    assert isinstance(result, Failure)
    assert "was counted, and" in result.broken[0]
