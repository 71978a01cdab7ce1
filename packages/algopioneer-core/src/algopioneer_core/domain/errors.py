"""
The error tree: every failure the project foresees, and what the user is told about it.

    AlgopioneerError
    ├── ConfigError             a configuration, option or parameter is wrong
    ├── DataError               market data cannot be trusted as it is
    ├── RefusedError            a rule refuses what was asked (capability, risk, validation)
    │   └── NotEnoughData       fewer bars than the strategy needs
    ├── PluginError             a plugin is missing, broken or contradicts another
    ├── OutputError             a result cannot be written
    ├── MoneyError              an amount would have to be rounded silently, or is off its grid
    ├── OrderError              an order was used against its life cycle
    │   ├── IllegalTransition
    │   └── UnknownOrder
    ├── LedgerError             postings do not balance
    └── VenueError              a venue did not do what was asked
        ├── VenueUnavailable
        ├── RateLimited
        ├── AuthenticationFailed
        ├── OrderRejected
        └── UnsupportedOperation

An error carries its parts separately, so that a terminal, a log and JSON can each show them in
their own way: `message` says what failed, `where` says in which file, line, key or instrument,
and `remedy` says what to do about it.
"""

import enum
from typing import ClassVar

from algopioneer_core.domain.text import one_line

__all__ = [
    "AlgopioneerError",
    "AuthenticationFailed",
    "ConfigError",
    "DataError",
    "ExitCode",
    "IllegalTransition",
    "LedgerError",
    "MoneyError",
    "NotEnoughData",
    "OrderError",
    "OrderRejected",
    "Outcome",
    "OutputError",
    "PluginError",
    "RateLimited",
    "RefusedError",
    "UnknownOrder",
    "UnsupportedOperation",
    "VenueError",
    "VenueUnavailable",
    "cannot_write",
]


class ExitCode(enum.IntEnum):
    """What a command tells the shell."""

    OK = 0
    ERROR = 1
    USAGE = 2
    REFUSED = 3
    CONFIGURATION = 4
    VENUE_UNAVAILABLE = 5
    DIVERGED = 6
    """Two runs that were compared are not equal."""


class Outcome(enum.Enum):
    """What a failed request to a venue left behind."""

    NOT_PLACED = "not_placed"
    """The venue did not take it; the same intent may be sent again."""
    UNKNOWN = "unknown"
    """The venue may have taken it; ask by client order id before anything else is sent."""


class AlgopioneerError(Exception):
    """
    Base of all foreseen failures.

    Args:
        message: What failed, one sentence without a full stop.
        where: The place: `file:line`, a configuration key, an instrument.
        remedy: What the user can do, in the imperative.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(
        self, message: str, *, where: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one line: `where: message (remedy)`; absent parts are left out."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        text = f"{text} ({self.remedy})" if self.remedy else text
        return one_line(text)  # a venue's or a parser's reason may have lines of its own


class ConfigError(AlgopioneerError):
    """A configuration value, option or strategy parameter is missing or wrong."""

    exit_code = ExitCode.CONFIGURATION


class DataError(AlgopioneerError):
    """Market data is missing, malformed or contradicts itself."""

    exit_code = ExitCode.REFUSED


class RefusedError(AlgopioneerError):
    """What was asked is understood and not allowed."""

    exit_code = ExitCode.REFUSED


class NotEnoughData(RefusedError):
    """There are fewer bars than the strategy needs to decide once."""


class PluginError(AlgopioneerError):
    """A plugin is not installed, cannot be loaded, or claims a name that is taken."""

    exit_code = ExitCode.CONFIGURATION


class OutputError(AlgopioneerError):
    """A result cannot be written where it was asked for."""

    exit_code = ExitCode.USAGE


def cannot_write(where: object, error: OSError, *, remedy: str) -> OutputError:
    """Return the error to raise when a file cannot be made or written because of *error*."""
    reason = (error.strerror or str(error)).lower()
    return OutputError(f"cannot write here: {reason}", where=str(where), remedy=remedy)


class MoneyError(AlgopioneerError):
    """An amount is not exact, not finite, or not on the grid it must be on."""


class OrderError(AlgopioneerError):
    """An order was asked to do what its life cycle does not allow."""


class IllegalTransition(OrderError):
    """The order table has no row for this state and report."""


class UnknownOrder(OrderError):
    """No order with this client order id was ever made here."""


class LedgerError(AlgopioneerError):
    """Postings of one entry do not sum to zero in each asset."""


class VenueError(AlgopioneerError):
    """
    A venue did not do what was asked.

    `retryable`, `retry_after_ns` and `outcome` are set by the adapter from status and error
    codes, never from the text of a message.

    Args:
        message: What failed, one sentence without a full stop.
        where: The venue and instrument or order.
        remedy: What the user can do.
        code: The venue's own error code, unchanged.
        retryable: Whether the same request may succeed later without any change to it.
        retry_after_ns: How long the venue asks to wait, in nanoseconds; None when it does not say.
        outcome: What the request left behind at the venue.
    """

    exit_code = ExitCode.VENUE_UNAVAILABLE
    default_retryable: ClassVar[bool] = False
    default_outcome: ClassVar[Outcome] = Outcome.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        remedy: str | None = None,
        code: str | None = None,
        retryable: bool | None = None,
        retry_after_ns: int | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.code = code
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after_ns = retry_after_ns
        self.outcome = self.default_outcome if outcome is None else outcome


class VenueUnavailable(VenueError):
    """The venue could not be reached, timed out or answered with a server error."""

    default_retryable = True


class RateLimited(VenueError):
    """The venue refused a request because too many came before it; nothing was placed."""

    default_retryable = True
    default_outcome = Outcome.NOT_PLACED


class AuthenticationFailed(VenueError):
    """The venue does not accept the key, signature or permission; nothing was placed."""

    exit_code = ExitCode.CONFIGURATION
    default_outcome = Outcome.NOT_PLACED


class OrderRejected(VenueError):
    """The venue refused the order for a reason of its own; nothing was placed."""

    exit_code = ExitCode.REFUSED
    default_outcome = Outcome.NOT_PLACED


class UnsupportedOperation(VenueError):
    """The venue declares that it cannot do this; nothing was sent."""

    exit_code = ExitCode.REFUSED
    default_outcome = Outcome.NOT_PLACED
