"""HTTP as the local exchange sees it: requests, answers, and what is wrong with either."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from algopioneer_coinbase.numbers import seconds_ns, time_ns
from algopioneer_core.domain.errors import DataError

__all__ = [
    "Answer",
    "Failure",
    "Request",
    "body_of",
    "error_answer",
    "first_of",
    "gateway_answer",
    "number_of",
    "page_of",
    "seconds_of",
    "times_of",
]

_JSON: Final = "application/json"
_HTML: Final = "text/html"
_DIGITS: Final = 10
"""A count has fewer."""


@frozen
class Request:
    """An HTTP request."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)
    """Names in lower case."""
    body: bytes = b""


@frozen
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = field(factory=dict)


class Failure(Exception):
    """Ends the handling of a request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def error_answer(status: int, code: str, message: str) -> Answer:
    """Return an error as the venue writes most of them."""
    body = {"error": code, "error_details": message, "message": message}
    return Answer(status, json.dumps(body).encode())


def gateway_answer(why: str) -> Answer:
    """Return what a proxy says when the venue's own answer does not come."""
    return Answer(504, f"<html>504 Gateway Time-out: {why}</html>".encode(), _HTML)


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request."""
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Failure(error_answer(400, "INVALID_ARGUMENT", "the body is not an object"))
    return body


def first_of(request: Request, name: str, default: str = "") -> str:
    """Return the first value of a query's name."""
    values = request.query.get(name, [])
    return values[0] if values else default


def seconds_of(request: Request, name: str) -> int:
    """Return a time of the query, nanoseconds."""
    try:
        return seconds_ns(first_of(request, name))
    except DataError:
        raise Failure(error_answer(400, "INVALID_ARGUMENT", f"{name} is invalid")) from None


def times_of(request: Request, *names: str) -> list[int]:
    """Return times of the query, RFC 3339 there, nanoseconds here; 0 for one that is not given."""
    try:
        return [time_ns(first_of(request, name)) for name in names]
    except DataError as error:
        raise Failure(error_answer(400, "INVALID_ARGUMENT", error.message)) from None


def number_of(request: Request, name: str, default: int) -> int:
    """Return a count of the query."""
    text = first_of(request, name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < _DIGITS):
        raise Failure(error_answer(400, "INVALID_ARGUMENT", f"{name} is invalid"))
    return int(text)


def page_of(rows: list[Any], request: Request, limit: int) -> tuple[list[Any], str]:
    """Return one page and the cursor of the next; the cursor of the last is empty."""
    start = number_of(request, "cursor", 0)
    size = min(max(number_of(request, "limit", limit), 1), 250)
    following = start + size
    return rows[start:following], str(following) if following < len(rows) else ""
