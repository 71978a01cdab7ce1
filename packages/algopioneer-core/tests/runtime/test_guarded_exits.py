"""Exit policies of strangers cannot end a session."""

from decimal import Decimal
from typing import Any, cast

import pytest
from attrs import frozen

from algopioneer_core.engine.exits import ExitVerdict, OpenPosition
from algopioneer_core.runtime.guarded_exits import GuardedExit

NOWHERE = cast(OpenPosition, None)


@frozen
class Says:
    """A policy with one answer, which may be anything."""

    answer: Any
    name: str = "says"

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """Give it."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return cast(ExitVerdict, self.answer)


def test_a_sound_policy_is_asked_every_time() -> None:
    """Its name and its verdicts are its own."""
    told: list[tuple[str, str]] = []
    exit_ = GuardedExit(Says(ExitVerdict.EXIT), lambda *what: told.append(what))
    assert (exit_.name, exit_.evaluate(NOWHERE)) == ("says", ExitVerdict.EXIT)
    assert told == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
        ("leave", "no verdict"),
        (Decimal(1), "no verdict"),
    ],
)
def test_a_policy_that_fails_abstains_from_then_on_and_is_told_once(
    answer: object, words: str
) -> None:
    """It is not asked again: what it would say is worth nothing."""
    told: list[tuple[str, str]] = []
    exit_ = GuardedExit(Says(answer), lambda *what: told.append(what))
    assert [ExitVerdict.ABSTAIN] * 3 == [exit_.evaluate(NOWHERE) for _ in range(3)]
    ((name, text),) = told
    assert name == "says"
    assert words in text
