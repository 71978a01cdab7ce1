"""
Between Arrow and numpy by their buffers.

Arrow's own `to_numpy`, `pa.array` and `pa.scalar` import pandas where it is installed, which takes
ten times as long as reading a month of bars; so the bytes are handed over directly.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = [
    "arrow_decimals",
    "arrow_integers",
    "arrow_mask",
    "arrow_texts",
    "booleans",
    "decimal_words",
    "integers",
]


def integers(column: Any) -> NDArray[np.int64]:
    """Return the values of an int64 array that has no nulls; read-only, nothing is copied."""
    return _values(column, np.dtype("<i8"))


def booleans(column: Any) -> NDArray[np.bool_]:
    """Return the values of a boolean array that has no nulls."""
    return _values(pc.cast(column, pa.uint8()), np.dtype("u1")).view(np.bool_)


def decimal_words(column: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the integers behind a decimal128 array, and where they do not fit 64 bits."""
    words = _values(column, np.dtype("<i8"), 2).reshape(-1, 2)
    low, high = np.ascontiguousarray(words[:, 0]), words[:, 1]
    return low, high != low >> 63


def _values(column: Any, kind: np.dtype[Any], width: int = 1) -> NDArray[Any]:
    if not len(column):
        return np.empty(0, kind)
    values = np.frombuffer(column.buffers()[1], dtype=kind)
    return values[column.offset * width : (column.offset + len(column)) * width]


def arrow_mask(mask: NDArray[np.bool_]) -> Any:
    """Return a numpy mask as an Arrow boolean array."""
    buffer = pa.py_buffer(mask.view(np.uint8).tobytes())
    return pc.cast(pa.Array.from_buffers(pa.uint8(), len(mask), [None, buffer]), pa.bool_())


def arrow_texts(texts: Sequence[str]) -> Any:
    """Return texts as an Arrow string array."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype="<i4")
    data = pa.py_buffer(b"".join(encoded))
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends.tobytes()), data)


def arrow_decimals(numbers: NDArray[np.int64], kind: Any) -> Any:
    """Return integers as the decimal128 values whose digits they are; *kind* has the scale."""
    words = np.empty((len(numbers), 2), dtype="<i8")
    words[:, 0] = numbers
    words[:, 1] = numbers >> 63
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(words.tobytes())])


def arrow_integers(numbers: NDArray[np.int64], kind: Any) -> Any:
    """Return integers as an Arrow array of *kind*, which is stored as 64 bits."""
    buffer = pa.py_buffer(np.ascontiguousarray(numbers, dtype="<i8").tobytes())
    return pa.Array.from_buffers(kind, len(numbers), [None, buffer])
