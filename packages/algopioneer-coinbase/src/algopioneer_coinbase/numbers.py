"""
Numbers and times as Coinbase writes them, read exactly.

Prices, sizes and money are decimal text; an absent one is empty text. Times are RFC 3339 in UTC
with none to nine digits of a second; one that was never set is in the year 1.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from algopioneer_core.domain.errors import DataError, MoneyError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, add, decimal_of

__all__ = ["amount", "optional_amount", "positive", "seconds_ns", "time_ns"]

_LARGEST: Final = Decimal(10) ** 24
"""More than there is of anything; what is larger is not a price or a size but damage."""
_FRACTION_DIGITS: Final = 9
_SECOND_LENGTH: Final = len("2024-01-01T00:00:00")
_ZULU: Final = ("Z", "+00:00")
_LATEST_S: Final = 2**63 // NS_PER_SECOND
_NUMBERS_KEPT: Final = 4096
"""Prices, sizes and balances come again and again, those of a page of orders all at once."""
_TIMES_KEPT: Final = 256


@lru_cache(_NUMBERS_KEPT)
def amount(text: str) -> Decimal:
    """
    Return the number that *text* states, of any sign.

    Raises:
        DataError: It states none, or one with more digits than money has here.
    """
    try:
        number = decimal_of(text)
        return add(number, ZERO)  # traps what has more than 60 digits
    except (MoneyError, ArithmeticError):
        raise DataError(f"{text[:40]!r} is not a number") from None


def optional_amount(text: str) -> Decimal | None:
    """
    Return the number that *text* states; None where the venue leaves it empty.

    Raises:
        DataError: It is neither.
    """
    return amount(text) if text else None


def positive(text: str) -> Decimal:
    """
    Return a price or a quantity.

    Raises:
        DataError: It is not a positive number of a size that prices and quantities have.
    """
    number = amount(text)
    if not ZERO < number < _LARGEST:
        raise DataError(f"{text[:40]!r} is not a price or a quantity")
    return number


@lru_cache(_TIMES_KEPT)
def time_ns(text: str) -> int:
    """
    Return a time as UTC nanoseconds; 0 for what is empty or before 1970, which is never set.

    Raises:
        DataError: It is not a time in UTC.
    """
    if not text:
        return 0
    rest = text[_SECOND_LENGTH:]
    zone = next((each for each in _ZULU if rest.endswith(each)), None)
    if zone is None:
        raise _no_time(text)
    digits = rest[: -len(zone)]
    return max(0, _second(text[:_SECOND_LENGTH]) * NS_PER_SECOND + _fraction(digits, text))


def _fraction(digits: str, text: str) -> int:
    if not digits:
        return 0
    number = digits[1:]
    plain = number.isascii() and number.isdecimal() and len(number) <= _FRACTION_DIGITS
    if digits[0] != "." or not plain:
        raise _no_time(text)
    return int(number.ljust(_FRACTION_DIGITS, "0"))


@lru_cache(_TIMES_KEPT)
def _second(text: str) -> int:
    """Return seconds since 1970; most messages of a stream share theirs with the one before."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _no_time(text) from None
    if moment.isoformat() != text:  # another form of ISO 8601, which the venue does not write
        raise _no_time(text)
    if moment.year < 1970:
        return -1
    return int(moment.replace(tzinfo=UTC).timestamp())


def seconds_ns(text: str) -> int:
    """
    Return whole seconds since 1970, written as text, in nanoseconds.

    Raises:
        DataError: It is no such number.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > 12 or int(text) >= _LATEST_S:
        raise DataError(f"{text[:40]!r} is not a time in seconds")
    return int(text) * NS_PER_SECOND


def _no_time(text: str) -> DataError:
    return DataError(f"{text[:40]!r} is not a time in UTC")
