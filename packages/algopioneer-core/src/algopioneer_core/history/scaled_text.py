"""
Numbers as bar files write them, to exact integers on a decimal grid.

Text becomes a decimal and the decimal an integer; no float comes in between. Where a file holds
floats already (Parquet), the number meant is the shortest decimal text that reads back as the same
float: 0.1 is 0.1 and not 0.1000000000000000055.
"""

import contextlib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, frozen
from numpy.typing import NDArray

from algopioneer_core.history.arrow_arrays import arrow_texts, booleans, decimal_words, integers
from algopioneer_core.history.read_options import ACCEPTABLE

__all__ = [
    "BLANK",
    "BadValue",
    "NumberReader",
    "Rounding",
    "blanks",
    "fewest_decimals",
    "refuse_nulls",
]

BLANK: Final = "is blank or not a number"
_BLANKS: Final = ("", "nan", "null", "none", "na", "n/a", "nil", "-", "<na>")
_WIDTH: Final = 38
"""Digits of the widest decimal that is worked with."""
_WHOLE_DIGITS: Final = 19
"""Digits of 2**63."""
_MOST_DECIMALS: Final = _WIDTH - _WHOLE_DIGITS
"""Decimals that can stand beside a whole number of 64 bits."""


class BadValue(Exception):
    """
    A value that cannot be taken; the reader turns it into an error with file and line.

    Args:
        row: Position in the block.
        text: The value as the file has it.
        fault: What is wrong with it, to follow the text in a sentence.
        remedy: What to do; None where only the file can be mended.
    """

    def __init__(self, row: int, text: str, fault: str, remedy: str | None = None) -> None:
        super().__init__(f"{text!r} {fault}")
        self.row = row
        self.text = text
        self.fault = fault
        self.remedy = remedy


def refuse_nulls(column: Any) -> None:
    """
    Do nothing when *column* is complete.

    Raises:
        BadValue: For its first null.
    """
    if column.null_count:
        row = int(booleans(pc.is_null(column)).argmax())
        raise BadValue(row, "", BLANK)


def fewest_decimals(numbers: NDArray[np.int64], decimals: int) -> int:
    """Return the smallest number of decimals on whose grid all *numbers* of 10**-decimals lie."""
    dropped = 0
    while dropped < min(decimals, 18) and not (numbers % 10 ** (dropped + 1)).any():
        dropped += 1
    return decimals - dropped


def blanks(column: Any) -> NDArray[np.bool_]:
    """Return where *column* is null, blank or one of the usual texts for no number."""
    empty = pc.is_null(column, nan_is_null=pa.types.is_floating(column.type))
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(column))
        empty = pc.or_(empty, pc.is_in(texts, arrow_texts(_BLANKS)))
    return booleans(empty)


@frozen
class Rounding:
    """
    What is done with a number that has more decimals than are kept.

    Attributes:
        mode: A pyarrow rounding mode.
        keep: Decimals that are kept.
        coarsens: Whether fewer are kept where even those do not fit 64 bits.
    """

    mode: str
    keep: int
    coarsens: bool = False


class NumberReader:
    """
    Turns one kind of column (prices, or volumes) into integers, block by block.

    Args:
        rounding: None refuses what does not fit 64 bits.
        decimals: Where to start; a good guess saves time.
    """

    def __init__(self, rounding: Rounding | None, decimals: int = 0) -> None:
        self.decimals = decimals
        """Decimals of the numbers that were returned last."""
        self.rounded = 0
        """Numbers that were rounded."""
        self._rounding = rounding
        self._most = _MOST_DECIMALS if rounding else _MOST_DECIMALS - 1
        """Decimals that can be worked with; without rounding, those of which 1 fits 64 bits."""

    def read(self, column: Any) -> NDArray[np.int64]:
        """
        Return *column* (a pyarrow array) as integers of 10**-decimals.

        `decimals` may grow in this call: columns read before it are then on a coarser grid.

        Raises:
            BadValue: A value is null, is not a finite number, or has too many digits.
        """
        refuse_nulls(column)
        exact = self._exact(column)
        numbers, overflown = decimal_words(exact)
        while overflown.any() and self._rounding and self._rounding.coarsens and self.decimals:
            self._rounding = evolve(self._rounding, keep=self.decimals - 1)
            numbers, overflown = decimal_words(self._shortened(exact, self._rounding))
        if overflown.any():
            row = int(overflown.argmax())
            raise self._too_long(row, str(column[row].as_py()))
        return numbers

    def _exact(self, column: Any) -> Any:
        """Return the column as decimals on the grid, growing `decimals` as needed."""
        column = column if pa.types.is_decimal(column.type) else pc.cast(column, pa.string())
        with contextlib.suppress(pa.ArrowInvalid):
            return pc.cast(column, pa.decimal128(_WIDTH, self.decimals))
        texts = pc.cast(column, pa.string())
        wanted = max(self.decimals, _most_decimals(texts))
        if wanted <= self._most:
            with contextlib.suppress(pa.ArrowInvalid):
                return self._on_grid(pc.cast(texts, pa.decimal128(_WIDTH, wanted)), wanted)
        texts, wanted = self._tidied(texts)
        return self._on_grid(pc.cast(texts, pa.decimal128(_WIDTH, wanted)), wanted)

    def _on_grid(self, exact: Any, decimals: int) -> Any:
        if self._rounding and decimals > self._rounding.keep:
            return self._shortened(exact, self._rounding)
        self.decimals = max(self.decimals, decimals)
        return exact

    def _shortened(self, exact: Any, rounding: Rounding) -> Any:
        rounded = pc.round(exact, rounding.keep, round_mode=rounding.mode)
        self.rounded += pc.sum(pc.not_equal(rounded, exact)).as_py() or 0
        self.decimals = rounding.keep
        return pc.cast(rounded, pa.decimal128(_WIDTH, rounding.keep))

    def _tidied(self, texts: Any) -> tuple[Any, int]:
        """
        Return *texts* as plain decimals and the decimals they need; the slow and thorough way.

        Raises:
            BadValue: For the first text that is not a finite number of a bearable length.
        """
        plain, decimals = [], self.decimals
        for row, text in enumerate(texts.to_pylist()):
            whole, _, fraction = _plain(row, text, self._too_long).partition(".")
            if len(fraction) > self._most and not self._rounding:
                raise self._too_long(row, text)
            if len(fraction) > self._most:  # the last digit says that more came after it
                fraction = f"{fraction[: self._most - 1]}1"
            plain.append(f"{whole}.{fraction}")
            decimals = max(decimals, len(fraction))
        return arrow_texts(plain), decimals

    def _too_long(self, row: int, text: str) -> BadValue:
        return BadValue(
            row,
            text,
            f"does not fit 64 bits with the {self.decimals} decimals this column has elsewhere"
            if self.decimals
            else "has too many digits",
            f"--accept long-prices: {ACCEPTABLE['long-prices']}",
        )


def _most_decimals(texts: Any) -> int:
    """Return the decimals needed for plain decimal texts, trailing zeros not counted."""
    points = integers(pc.cast(pc.find_substring(texts, "."), pa.int64()))
    lengths = integers(pc.cast(pc.binary_length(pc.ascii_rtrim(texts, "0")), pa.int64()))
    return int(np.where(points < 0, 0, lengths - points - 1).max(initial=0))


def _plain(row: int, text: str, too_long: Callable[[int, str], BadValue]) -> str:
    """Return a number without exponent, spaces and trailing zeros of its fraction."""
    words = text.strip()
    try:
        number = Decimal(words if words.isascii() and "_" not in words else "no number")
    except InvalidOperation:
        remedy = "write numbers without thousands separators" if "," in text else None
        raise BadValue(row, text, "is not a number", remedy) from None
    if not number.is_finite():
        raise BadValue(row, text, "is not a finite number")
    if not number:
        return "0"
    if not -1_000 < number.adjusted() < _WHOLE_DIGITS:
        raise too_long(row, text)
    plain = f"{number:f}"
    return plain.rstrip("0") if "." in plain else plain
