"""
What an HTTP status means for a request: which error, whether to repeat it, and what it left behind.

Decided by status and headers alone, never by the text of a message: texts change. Where a venue
says more in its body (Alpaca's codes, Kraken's error list), its adapter reads that first and comes
here only for what it does not know. RFC 9110 §15; RFC 6585 §4 (429).
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from algopioneer_core.domain.errors import (
    AuthenticationFailed,
    Outcome,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["error_of_status", "retry_after_ns"]

_NOT_PLACED: Final = frozenset({400, 404, 405, 411, 413, 414, 415, 426, 431})
"""Refused before anybody looked at the order. The other 4xx may mean that an order exists already
(409, 422) or that the answer was given up on (408, 499)."""
_REPEATABLE: Final = frozenset({408, 425})
_NOT_REPEATABLE: Final = frozenset({501, 505, 511})
"""Among server errors those that waiting does not mend."""
_A_LONG_TIME_S: Final = 10**8
"""Three years: a longer "reset after" is a point in time, counted from 1970."""
_MOST_DIGITS: Final = 12


def error_of_status(
    status: int, headers: Mapping[str, str], *, where: str, detail: str = ""
) -> VenueError:
    """
    Return the error that a response stands for.

    Args:
        status: Not one of success.
        headers: With names that are looked up in any case, or are in lower case.
        where: The request, without anything secret: method, host and path.
        detail: What a person may want to read of the body.
    """
    text = f"the venue answered {status} {_phrase(status)}".rstrip()
    text = f"{text}: {detail}" if detail else text
    wait_ns, code = retry_after_ns(headers), str(status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(text, where=where, code=code, retry_after_ns=wait_ns)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        remedy = "check the key, its permissions, and that it belongs to this environment"
        return AuthenticationFailed(text, where=where, code=code, remedy=remedy)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _REPEATABLE:
        return VenueUnavailable(
            text,
            where=where,
            code=code,
            retryable=status not in _NOT_REPEATABLE,
            retry_after_ns=wait_ns,
        )
    outcome = Outcome.NOT_PLACED if status in _NOT_PLACED else Outcome.UNKNOWN
    return VenueError(text, where=where, code=code, outcome=outcome)


def retry_after_ns(headers: Mapping[str, str]) -> int | None:
    """
    Return how long the venue asks to wait, nanoseconds; None when it does not say.

    `Retry-After` in seconds or as a date, else `X-RateLimit-Reset` in seconds from now or from
    1970. Points in time are compared with the response's own `Date`: the venue's clock, not ours.
    """
    value = headers.get("retry-after") or headers.get("x-ratelimit-reset")
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal()) or len(value) > _MOST_DIGITS:
        return _until_ns(_posix_seconds(value), headers)
    seconds = int(value)
    if seconds > _A_LONG_TIME_S:
        return _until_ns(seconds, headers)
    return seconds * NS_PER_SECOND


def _until_ns(then_s: int | None, headers: Mapping[str, str]) -> int | None:
    now_s = _posix_seconds(headers.get("date", ""))
    if then_s is None or now_s is None:
        return None
    return max(0, then_s - now_s) * NS_PER_SECOND


def _posix_seconds(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, OverflowError):
        return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # Cloudflare's 520 to 527
        return ""
