"""Bytes kept beside memory: an unnamed temporary file that ends with its owner."""

import tempfile
import weakref
from typing import Final

from algopioneer_core.domain.errors import DataError

__all__ = ["Spool"]

_MEMORY_BYTES: Final = 16 << 20


class Spool:
    """Takes bytes and gives them back by their place; what is small stays in memory."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  lives as long as the spool
        weakref.finalize(self, self._file.close)
        self._end = 0

    def append(self, data: bytes) -> int:
        """
        Keep *data* and return its place.

        Raises:
            DataError: The temporary folder is full or cannot be written.
        """
        place = self._end
        try:
            self._file.seek(place)
            self._file.write(data)
        except OSError as error:
            raise DataError(
                f"parsed rows cannot be kept: {error.strerror or error}",
                where=tempfile.gettempdir(),
                remedy="make room there, or set TMPDIR to a folder that has it",
            ) from None
        self._end += len(data)
        return place

    def read(self, place: int, size: int) -> bytes:
        """Return so many bytes from *place* on."""
        self._file.seek(place)
        return self._file.read(size)
