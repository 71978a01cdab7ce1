"""
What `doctor` finds, and what a venue's plugin may add to it.

A venue names a function in its spec (`VenueSpec.diagnosis`), which looks at what only the venue
knows: whether its key is well formed, what the key may do, how far the clocks are apart. What every
venue can be asked through the ports (instruments, sizes, balances, the private stream) `doctor`
asks itself, once the venue is open.
"""

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import field, frozen

from algopioneer_core.domain.errors import AlgopioneerError

if TYPE_CHECKING:
    from algopioneer_core.domain.events import InstrumentStatus
    from algopioneer_core.domain.instruments import InstrumentId

__all__ = [
    "Diagnose",
    "Finding",
    "SupportsStatus",
    "Tell",
    "Verdict",
    "clock_finding",
    "failed",
    "not_checked",
    "passed",
    "warned",
]

_NS_PER_MS = 1_000_000
_NS_PER_SECOND = 1_000_000_000


class Verdict(enum.Enum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """It works, and somebody should know something."""
    FAIL = "fail"
    """It will not work, or is not safe."""
    NOT_CHECKED = "not checked"
    """It was not asked for, needs something that failed, or cannot be known without trading."""


def _needed_to_fail(finding: "Finding", _: object, remedy: str) -> None:
    if finding.verdict is Verdict.FAIL and not remedy:
        raise ValueError(f"a failed check needs a remedy: {finding.check}: {finding.text}")


@frozen
class Finding:
    """
    One line of `doctor`. Nothing secret may stand in it.

    Raises:
        ValueError: It failed, and does not say what to do about it.
    """

    check: str
    """What was looked at, a word or two: `clock`, `symbol BTC-USD`."""
    verdict: Verdict
    text: str
    """What was found, one sentence without a full stop."""
    remedy: str = field(default="", validator=_needed_to_fail)
    """What the user can do about it, in the imperative."""


def passed(check: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Verdict.OK, text)


def warned(check: str, text: str, remedy: str = "") -> Finding:
    """Return that it works, and what should be known."""
    return Finding(check, Verdict.WARN, text, remedy)


def failed(check: str, text: str | AlgopioneerError, remedy: str = "") -> Finding:
    """
    Return that it will not work.

    Args:
        check: What was looked at.
        text: What was found; an error says it by itself, with its remedy.
        remedy: What to do; for an error, where it does not say.
    """
    if isinstance(text, AlgopioneerError):
        said = f"{text.where}: {text.message}" if text.where else text.message
        return Finding(check, Verdict.FAIL, said, text.remedy or remedy)
    return Finding(check, Verdict.FAIL, text, remedy)


def not_checked(check: str, why: str) -> Finding:
    """Return that nothing can be said, and why."""
    return Finding(check, Verdict.NOT_CHECKED, why)


def clock_finding(
    readings: Sequence[tuple[int, int, int]], *, warn_ns: int, fail_ns: int
) -> Finding:
    """
    Return how far the clock of this host is from the venue's.

    The reading with the shortest way there and back counts; half of that way is what is not known.

    Args:
        readings: For each question: this host's time before it, the venue's time in its answer,
            this host's time after it; UTC nanoseconds. At least one.
        warn_ns: A difference that should be known.
        fail_ns: One at which the venue refuses what is signed here.
    """
    before, theirs, after = min(readings, key=lambda each: each[2] - each[0])
    unknown = max((after - before) // 2, 0)
    skew = (before + after) // 2 - theirs
    # What the way there and back could explain is not held against the clock.
    sure = max(abs(skew) - unknown, 0)
    side = "ahead of" if skew > 0 else "behind"
    text = (
        f"this host is {abs(skew) / _NS_PER_SECOND:.3f} s {side} the venue, "
        f"give or take {unknown // _NS_PER_MS} ms"
    )
    remedy = "let the clock be set by the network: timedatectl set-ntp true"
    if sure >= fail_ns:
        return failed("clock", text, remedy)
    return warned("clock", text, remedy) if sure >= warn_ns else passed("clock", text)


Tell = Callable[[Finding], None]
"""Takes a finding as soon as it is made."""


class Diagnose(Protocol):
    """Looks at what only a venue's plugin knows."""

    async def __call__(self, config: Any, tell: Tell) -> None:
        """
        Examine the venue, and tell each finding when it is made.

        What it costs nothing to know comes first, the network last. A key that was refused is told
        as a check called `key` or `authentication` that failed; the account is then left alone.
        Nothing is changed and no order is placed. It may be cancelled when it takes too long.

        Args:
            config: The venue's checked configuration, with its secrets.
            tell: Takes the findings.

        Raises:
            VenueUnavailable: It cannot be reached, so that nothing more can be asked.
        """


@runtime_checkable
class SupportsStatus(Protocol):
    """Market data that knows now what may be done with an instrument."""

    def status(self, instrument_id: "InstrumentId") -> "InstrumentStatus":
        """
        Return whether an instrument is traded.

        Raises:
            UnsupportedOperation: There is no such instrument.
        """
