"""What a status and its headers mean; no word of a body changes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import (
    AuthenticationFailed,
    Outcome,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from algopioneer_core.wire.statuses import error_of_status, retry_after_ns

SECOND = 1_000_000_000
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
POSIX = 1_792_567_680
"""The same time, seconds since 1970."""


@pytest.mark.parametrize(
    ("status", "kind", "outcome", "retryable"),
    [
        (302, VenueError, Outcome.UNKNOWN, False),
        (400, VenueError, Outcome.NOT_PLACED, False),
        (401, AuthenticationFailed, Outcome.NOT_PLACED, False),
        (403, AuthenticationFailed, Outcome.NOT_PLACED, False),
        (404, VenueError, Outcome.NOT_PLACED, False),
        (408, VenueUnavailable, Outcome.UNKNOWN, True),
        (409, VenueError, Outcome.UNKNOWN, False),
        (422, VenueError, Outcome.UNKNOWN, False),
        (429, RateLimited, Outcome.NOT_PLACED, True),
        (500, VenueUnavailable, Outcome.UNKNOWN, True),
        (501, VenueUnavailable, Outcome.UNKNOWN, False),
        (503, VenueUnavailable, Outcome.UNKNOWN, True),
        (504, VenueUnavailable, Outcome.UNKNOWN, True),
        (522, VenueUnavailable, Outcome.UNKNOWN, True),
    ],
)
def test_a_status_decides(
    status: int, kind: type[VenueError], outcome: Outcome, retryable: bool
) -> None:
    """Class, outcome and whether to repeat, for each status that venues are known to send."""
    error = error_of_status(status, {}, where="POST venue/orders")
    assert type(error) is kind
    assert (outcome, retryable, str(status)) == (error.outcome, error.retryable, error.code)
    assert str(error).startswith(f"POST venue/orders: the venue answered {status}")


@given(status=st.integers(300, 599), detail=st.text(max_size=50))
def test_words_decide_nothing(status: int, detail: str) -> None:
    """Any body with the same status is the same error; and no server error proves absence."""
    bare = error_of_status(status, {}, where="x")
    told = error_of_status(status, {}, where="x", detail=detail)
    assert (type(bare), bare.outcome, bare.retryable) == (type(told), told.outcome, told.retryable)
    assert status < 500 or bare.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "7", "x-ratelimit-reset": "9"}, 7),
        ({"x-ratelimit-reset": "9"}, 9),
        ({"x-ratelimit-reset": str(POSIX + 30), "date": DATE}, 30),
        ({"x-ratelimit-reset": str(POSIX - 30), "date": DATE}, 0),
        ({"x-ratelimit-reset": str(POSIX)}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:20 GMT", "date": DATE}, 20),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:20 GMT"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "-5", "date": DATE}, None),
        ({"retry-after": "\u0663"}, None),  # three, in Arabic digits
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "Wed, 99 Oct 2026 07:28:20 GMT", "date": DATE}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: int | None) -> None:
    """Seconds, dates against the venue's own clock, and garbage, which is no answer."""
    assert (None if seconds is None else seconds * SECOND) == retry_after_ns(headers)


@given(value=st.text(max_size=40), date=st.text(max_size=40))
def test_any_header_is_survived(value: str, date: str) -> None:
    """A strange header is no crash, and never a negative wait."""
    wait = retry_after_ns({"retry-after": value, "date": date})
    assert wait is None or wait >= 0
