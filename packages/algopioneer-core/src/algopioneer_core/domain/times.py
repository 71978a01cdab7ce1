"""
How times are written: the same text in JSON, CSV, logs, the terminal and the report.

Moments are ISO 8601 in UTC with a `Z`. Amounts are written by `money.plain`.
"""

import datetime
from functools import lru_cache
from typing import Final

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["duration_text", "iso_utc"]

_UNITS: Final = (
    ("d", 86_400 * NS_PER_SECOND),
    ("h", 3_600 * NS_PER_SECOND),
    ("m", 60 * NS_PER_SECOND),
    ("s", NS_PER_SECOND),
)
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC).replace(tzinfo=None)
"""Naive, because that is what `isoformat` writes without an offset; all times are UTC."""
_MOMENTS_KEPT: Final = 64
"""What is written at one moment mostly carries the same times."""


@lru_cache(_MOMENTS_KEPT)
def iso_utc(ts_ns: int) -> str:
    """
    Return UTC nanoseconds as `2022-01-31T23:59:00Z`.

    A fraction of a second is written only when there is one, with as many digits as it needs.
    """
    seconds, nanoseconds = divmod(ts_ns, NS_PER_SECOND)
    moment = _EPOCH + datetime.timedelta(seconds=seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    return f"{moment.isoformat()}{fraction}Z"


def duration_text(duration_ns: int) -> str:
    """
    Return a length of time for people, in its two largest units: `31 d 6 h`, `12 m`, `0 s`.

    What is smaller than the second unit is cut off.
    """
    parts: list[str] = []
    for unit, size in _UNITS:
        count, duration_ns = divmod(duration_ns, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"
