"""Behaviour of findings."""

import pytest

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.plugins.diagnosis import Verdict, clock_finding, failed

SECOND = 10**9


def test_a_failure_without_a_remedy_is_a_defect() -> None:
    """Nobody is told that something is wrong and left alone with it."""
    with pytest.raises(ValueError, match="needs a remedy"):
        failed("key", "it is broken")


def test_an_error_tells_itself() -> None:
    """With its place, and its own remedy before the general one."""
    error = ConfigError("is missing", where="KEY", remedy="set it")
    assert ("KEY: is missing", "set it") == (
        failed("key", error, "look").text,
        failed("key", error, "look").remedy,
    )
    assert "look" == failed("key", ConfigError("is missing"), "look").remedy


@pytest.mark.parametrize(
    ("theirs", "verdict", "side"),
    [
        (100.0, Verdict.OK, "0.000 s behind"),
        (101.4, Verdict.OK, "1.400 s behind"),  # the way there and back took a second
        (98.4, Verdict.WARN, "1.600 s ahead"),
        (111.0, Verdict.FAIL, "11.000 s behind"),
        (90.6, Verdict.WARN, "9.400 s ahead"),
    ],
)
def test_a_clock_is_judged_by_what_is_sure(theirs: float, verdict: Verdict, side: str) -> None:
    """Half of the shortest way is what nobody knows."""
    slow = (0, int(50 * SECOND), 200 * SECOND)
    quick = (int(99.5 * SECOND), int(theirs * SECOND), int(100.5 * SECOND))
    found = clock_finding([slow, quick], warn_ns=SECOND, fail_ns=10 * SECOND)
    assert (verdict, True) == (found.verdict, side in found.text)
    assert "500 ms" in found.text
