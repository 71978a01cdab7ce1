"""
Lengths of time as people write them: `1m`, `5m`, `1h`, `1d`, `90s`, `1h30m`, or bare minutes.

Units: `ns us ms s m h d w`, also `min`. A day is 24 hours. Months and years have no fixed length
and are refused; venues write a month as `1M`, so an upper-case `M` is refused too instead of being
taken for a minute.
"""

import re
from fractions import Fraction
from typing import Final

from algopioneer_core.domain.errors import ConfigError

__all__ = [
    "DAY_NS",
    "HOUR_NS",
    "MINUTE_NS",
    "SECOND_NS",
    "format_interval",
    "length_of_time",
    "parse_interval",
]

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

_UNITS: Final = {
    "w": 7 * DAY_NS,
    "d": DAY_NS,
    "h": HOUR_NS,
    "m": MINUTE_NS,
    "min": MINUTE_NS,
    "s": SECOND_NS,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_WRITTEN: Final = ("d", "h", "m", "s", "ms", "us", "ns")
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_PART: Final = re.compile(rf"({_NUMBER})\s*([a-zA-Z]+)\s*")
_REMEDY: Final = "write for instance 1m, 5m, 1h, 1d, 90s, 30d, or a bare number of minutes"


def parse_interval(text: str) -> int:
    """
    Return the length that *text* states, in nanoseconds; always positive.

    The length of a bar and the length of a run are written the same way.

    Raises:
        ConfigError: *text* is not a length, is not positive, or is no whole number of nanoseconds.
    """
    words = text.strip()
    if re.fullmatch(_NUMBER, words):
        words += "m"
    total = Fraction(0)
    position = 0
    while found := _PART.match(words, position):
        total += Fraction(found[1]) * _unit(found[2], text)
        position = found.end()
    if position != len(words) or total <= 0 or total.denominator != 1:
        raise ConfigError(f"{text!r} is not a length of time", remedy=_REMEDY)
    return int(total)


def length_of_time(_: object, __: object, text: str) -> None:
    """
    Check a setting that `parse_interval` reads; an attrs validator.

    Raises:
        ConfigError: *text* is not a length of time.
    """
    parse_interval(text)


def _unit(name: str, text: str) -> int:
    unit = None if name == "M" else _UNITS.get(name.lower())
    if unit is None:
        raise ConfigError(f"{name!r} in {text!r} is not a unit of time", remedy=_REMEDY)
    return unit


def format_interval(length_ns: int) -> str:
    """
    Return *length_ns* in the largest units that fit, for instance `1m`, `1h30m` or `3d`.

    `parse_interval` reads it back to the same number.

    Raises:
        ConfigError: *length_ns* is not positive.
    """
    if length_ns <= 0:
        raise ConfigError(f"a length of time must be positive, not {length_ns} ns", remedy=_REMEDY)
    parts = []
    for name in _WRITTEN:
        number, length_ns = divmod(length_ns, _UNITS[name])
        if number:
            parts.append(f"{number}{name}")
    return "".join(parts)
