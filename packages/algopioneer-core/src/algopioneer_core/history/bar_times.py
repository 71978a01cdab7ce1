"""
Times as bar files write them, to UTC nanoseconds.

Read are ISO dates and times (`T` or a space between, seconds and a fraction of up to nine digits
optional, with or without a zone: `Z`, `+01:00`, `+0100`, `+01`, ` UTC`; none means UTC), the same
with `/` in the date, dates as `20211231`, and epochs in seconds, milliseconds, microseconds or
nanoseconds, told apart by their size: below 1e11 seconds, below 1e14 milliseconds, below 1e17
microseconds. (So an epoch in milliseconds from before March 1973 cannot be told and is read as
seconds.) One file keeps to one format: a change in the middle is refused, not guessed.
"""

import re
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from algopioneer_core.history.arrow_arrays import arrow_texts, decimal_words, integers
from algopioneer_core.history.scaled_text import BadValue, refuse_nulls

__all__ = ["TimeReader", "kind_of"]

_EPOCH_DECIMALS: Final = {"epoch s": 9, "epoch ms": 6, "epoch us": 3, "epoch ns": 0}
_SMALLEST_NS: Final = 10**17
"""No epoch in milliseconds or finer is smaller than this many nanoseconds (March 1973)."""
_NUMBER: Final = re.compile(r"[+-]?([0-9]+)(\.[0-9]*)?")
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_FORMS: Final = (
    ("date", re.compile(_DATE)),
    ("time without zone", re.compile(rf"{_DATE}[T ]{_CLOCK}")),
    ("time with zone", re.compile(rf"{_DATE}[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)")),
)
_SLASHES: Final = r"^([0-9]{4})/([0-9]{2})/([0-9]{2})"
_ZONE_NAME: Final = r"\s*(UTC|GMT|z)$"
_ZONE_SPACE: Final = r"\s+([+-][0-9]{2}(:?[0-9]{2})?)$"


def _normal(text: str) -> str:
    text = re.sub(_SLASHES, r"\1-\2-\3", text.strip())
    return re.sub(_ZONE_SPACE, r"\1", re.sub(_ZONE_NAME, "Z", text))


def kind_of(text: str) -> str | None:
    """Return the name of the format *text* is in; None when it is no time that is read here."""
    words = _normal(text)
    if number := _NUMBER.fullmatch(words):
        return _kind_of_number(words, int(number[1]))
    return next((name for name, form in _FORMS if form.fullmatch(words)), None)


def _kind_of_number(text: str, whole: int) -> str:
    if len(text) == 8 and text.isdigit() and 19000101 <= whole <= 22621231:
        return "date without dashes"
    if whole < 10**11:
        return "epoch s"
    if whole < 10**14:
        return "epoch ms"
    return "epoch us" if whole < _SMALLEST_NS else "epoch ns"


class TimeReader:
    """Turns a file's time column into nanoseconds, block by block, keeping to its first format."""

    def __init__(self) -> None:
        self._kind: str | None = None
        self._odd = False
        """Whether texts need tidying before they are read (slashes, zone names, spaces)."""

    def read(self, column: Any) -> NDArray[np.int64]:
        """
        Return the times of *column* (a pyarrow array) in UTC nanoseconds.

        Raises:
            BadValue: A value is null, a text is no time, is in another format than the first one of
                the file, or lies outside the years 1678 to 2261.
        """
        refuse_nulls(column)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return _from_typed(column)
        texts = _plain_texts(column)
        if not len(texts):
            return np.empty(0, np.int64)
        if self._kind is None:
            self._learn(texts[0].as_py())
        try:
            return self._convert(texts)
        except (pa.ArrowInvalid, OverflowError):
            self._blame(texts)
            return self._convert_odd(texts)

    def _learn(self, text: str) -> None:
        self._kind = kind_of(text)
        self._odd = _normal(text) != text
        if self._kind is None:
            raise BadValue(0, text, "is not a time")

    def _convert(self, texts: Any) -> NDArray[np.int64]:
        if self._odd:
            texts = _normal_column(texts)
        if self._kind is not None and self._kind.startswith("epoch"):
            return _from_epoch(texts, self._kind)
        if self._kind == "date without dashes":
            texts = _with_dashes(texts)
        elif self._kind == "date":
            _check_widths(texts, longest=10)
        else:
            _check_widths(texts, shortest=16)
        zone = "UTC" if self._kind == "time with zone" else None
        return _nanoseconds(pc.cast(texts, pa.timestamp("ns", tz=zone)))

    def _convert_odd(self, texts: Any) -> NDArray[np.int64]:
        """Read texts of which only some need tidying; whoever fails here lies out of range."""
        self._odd = True
        try:
            return self._convert(texts)
        except (pa.ArrowInvalid, OverflowError):
            at = _first_failure(self._convert, texts)
            raise BadValue(
                at, texts[at].as_py(), "is not a date of the calendar from 1678 to 2261"
            ) from None

    def _blame(self, texts: Any) -> None:
        """Raise for the first text that is no time or in another format, if there is one."""
        for at, text in enumerate(texts.to_pylist()):
            kind = kind_of(text)
            if kind is None:
                raise BadValue(at, text, "is not a time")
            if kind != self._kind:
                raise BadValue(
                    at, text, f"is in the format {kind!r}, and rows before it {self._kind!r}"
                )


def _plain_texts(column: Any) -> Any:
    if not pa.types.is_floating(column.type):
        return pc.cast(column, pa.string())
    # Epochs in a column that held a NaN once: Arrow would write the large ones with an exponent.
    return arrow_texts([f"{Decimal(repr(value)):f}" for value in column.to_pylist()])


def _normal_column(texts: Any) -> Any:
    texts = pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), _SLASHES, r"\1-\2-\3")
    texts = pc.replace_substring_regex(texts, _ZONE_NAME, "Z")
    return pc.replace_substring_regex(texts, _ZONE_SPACE, r"\1")


def _check_widths(texts: Any, *, shortest: int = 0, longest: int = 1_000) -> None:
    """Refuse dates among times: the cast below would take both."""
    widths = pc.min_max(pc.binary_length(texts)).as_py()
    if widths["min"] < shortest or widths["max"] > longest:
        raise pa.ArrowInvalid("mixed widths")


def _with_dashes(texts: Any) -> Any:
    _check_widths(texts, shortest=8, longest=8)
    return pc.replace_substring_regex(texts, "^([0-9]{4})([0-9]{2})([0-9]{2})$", r"\1-\2-\3")


def _from_epoch(texts: Any, kind: str) -> NDArray[np.int64]:
    numbers, overflown = decimal_words(pc.cast(texts, pa.decimal128(38, _EPOCH_DECIMALS[kind])))
    if overflown.any():
        raise OverflowError
    if kind != "epoch s" and np.abs(numbers).min() < _SMALLEST_NS:
        raise OverflowError
    return numbers


def _from_typed(column: Any) -> NDArray[np.int64]:
    wanted = pa.timestamp("ns", tz=getattr(column.type, "tz", None))
    try:
        return _nanoseconds(pc.cast(column, wanted))
    except pa.ArrowInvalid:
        at = _first_failure(lambda part: pc.cast(part, wanted), column)
        value = f"{column[at].value} ({column.type})"
        raise BadValue(at, value, "is not a time from 1678 to 2261") from None


def _nanoseconds(column: Any) -> NDArray[np.int64]:
    return integers(pc.cast(column, pa.int64()))


def _first_failure(convert: Any, column: Any) -> int:
    """Return the position of the first value *convert* refuses, by halving."""
    start, stop = 0, len(column)
    while stop - start > 1:
        middle = (start + stop) // 2
        try:
            convert(column[start:middle])
        except (pa.ArrowInvalid, OverflowError):
            stop = middle
        else:
            start = middle
    return start
