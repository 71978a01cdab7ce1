"""
Rows of CSV files as text columns, block by block, each row with its line in the file.

The text is read a few megabytes at a time, so memory does not grow with the file. Lines are
counted as an editor counts them, blank ones and the header included.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.history.arrow_arrays import arrow_texts

__all__ = ["CsvText", "Layout", "TextBlock"]

_BLOCK_BYTES: Final = 1 << 22
_DELIMITERS: Final = ",;\t|"
_BOM: Final = b"\xef\xbb\xbf"
_OTHER_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_BLANK_LINE: Final = re.compile(rb"(?m)^[ \t]+(?=\r?$)")


class Layout(Protocol):
    """Which columns of a file matter."""

    @property
    def names(self) -> tuple[str, ...]:
        """The header as written, or what stands for it."""
        ...

    @property
    def has_header(self) -> bool:
        """Whether the first row is a header."""
        ...

    def positions(self) -> Mapping[str, int]:
        """Return role to position, counted from 0, for the columns that are read."""
        ...


@frozen(eq=False)
class TextBlock:
    """Some rows, in the file's order."""

    lines: NDArray[np.int64]
    """Line of each row (row number in Parquet files), counted from 1."""
    columns: Mapping[str, Any]
    """Role to pyarrow array."""


class CsvText:
    """
    A CSV file, plain or compressed with gzip, in UTF-8 (a byte order mark is fine).

    Args:
        path: The file.

    Raises:
        DataError: The file is empty, is not UTF-8, or cannot be read; for every method.
    """

    place: Final = ""
    """What goes before a row's number in a message: nothing, `file:line` is understood."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as stream:
            self.first_row, self.header_line, self._delimiter = self._read_header(stream)

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        is_gzip = self.path.suffix.lower() == ".gz"
        try:
            with gzip.open(self.path) if is_gzip else self.path.open("rb") as stream:
                yield cast(BinaryIO, stream)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise DataError(
                "the compressed file is damaged or cut off",
                where=str(self.path),
                remedy="fetch it again",
            ) from None

    def _read_header(self, stream: BinaryIO) -> tuple[list[str], int, str]:
        for number, raw in enumerate(stream, 1):
            line = raw.removeprefix(_BOM) if number == 1 else raw
            if number == 1 and line[:2] in _OTHER_BOMS:
                self._refuse_encoding(1)
            if line.strip():
                text = self._decoded(line, number).rstrip("\r\n")
                delimiter = max(_DELIMITERS, key=text.count)
                return next(csv.reader([text], delimiter=delimiter)), number, delimiter
        raise DataError("the file is empty", where=str(self.path), remedy="give a file with bars")

    def _decoded(self, line: bytes, number: int) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._refuse_encoding(number)

    def _refuse_encoding(self, line: int) -> NoReturn:
        raise DataError(
            "the file is not UTF-8 text", where=f"{self.path}:{line}", remedy="save it as UTF-8"
        )

    def blocks(self, layout: Layout) -> Iterator[TextBlock]:
        """Stream the columns that *layout* names."""
        with self._open() as stream:
            line = self.header_line if layout.has_header else self.header_line - 1
            for _ in range(line):
                stream.readline()
            for raw in _whole_lines(stream, self.path):
                yield self._parse(raw, line + 1, layout)
                line += raw.count(b"\n")

    def _parse(self, raw: bytes, first_line: int, layout: Layout) -> TextBlock:
        if first_line == 1:
            raw = raw.removeprefix(_BOM)
        table = self._table(raw, first_line, layout)
        columns = {
            role: table.column(f"{at}").combine_chunks() for role, at in layout.positions().items()
        }
        lines = _lines_of_rows(raw, first_line, table.num_rows)
        if len(lines) != table.num_rows:  # a field went on over a line's end
            self._refuse_quotes(raw, first_line)
        return TextBlock(lines, columns)

    def _table(self, raw: bytes, first_line: int, layout: Layout) -> Any:
        try:
            return self._arrow(raw, layout)
        except pa.ArrowInvalid:
            pass
        tidy = _BLANK_LINE.sub(b"", raw)
        try:
            return self._arrow(tidy, layout)
        except pa.ArrowInvalid:
            self._blame(tidy, first_line, len(layout.names))
            self._refuse_quotes(tidy, first_line)

    def _arrow(self, raw: bytes, layout: Layout) -> Any:
        names = [str(at) for at in range(len(layout.names))]
        wanted = [str(at) for at in sorted(set(layout.positions().values()))]
        if not raw.strip():
            return pa.table({name: arrow_texts([]) for name in wanted})
        return pa_csv.read_csv(
            pa.BufferReader(_arrow_memory(raw)),
            read_options=pa_csv.ReadOptions(column_names=names, block_size=len(raw) + 1),
            parse_options=pa_csv.ParseOptions(delimiter=self._delimiter),
            convert_options=pa_csv.ConvertOptions(
                include_columns=wanted,
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=False,
            ),
        )

    def _refuse_quotes(self, raw: bytes, first_line: int) -> NoReturn:
        """Raise for the first line with an odd number of quotation marks."""
        odd = (at for at, line in enumerate(raw.split(b"\n"), first_line) if line.count(b'"') % 2)
        raise DataError(
            "a quotation mark has no partner in its line",
            where=f"{self.path}:{next(odd, first_line)}",
            remedy="mend or remove the row",
        )

    def _blame(self, raw: bytes, first_line: int, width: int) -> None:
        """Raise for the first line that is not UTF-8 or has not *width* fields."""
        for number, line in enumerate(raw.split(b"\n"), first_line):
            text = self._decoded(line, number).rstrip("\r")
            row: Sequence[str] = next(csv.reader([text], delimiter=self._delimiter), ())
            if row and len(row) != width:
                raise DataError(
                    f"the row has {len(row)} fields and the header {width}",
                    where=f"{self.path}:{number}",
                    remedy="mend or remove the row",
                )


def _arrow_memory(raw: bytes) -> Any:
    """
    Return a copy of *raw* in memory that is Arrow's own.

    A thread of Arrow may be the last to let a block go. For memory of Python's it then needs the
    interpreter, and a process that ends meanwhile is aborted: "terminate called without an active
    exception" (https://github.com/apache/arrow/issues/34314).
    """
    memory = pa.BufferOutputStream()
    memory.write(raw)
    return memory.getvalue()


def _whole_lines(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """Cut a stream after line ends, into blocks of about _BLOCK_BYTES."""
    rest = b""
    while data := stream.read(_BLOCK_BYTES):
        head, newline, tail = data.rpartition(b"\n")
        if newline:
            yield b"".join((rest, head, newline))
            rest = tail
        else:
            rest += tail
        if len(rest) > _BLOCK_BYTES:
            raise DataError("a line is longer than four megabytes", where=str(path))
    if rest:
        yield rest


def _lines_of_rows(raw: bytes, first_line: int, rows: int) -> NDArray[np.int64]:
    ends = raw.count(b"\n") + (not raw.endswith(b"\n"))
    if ends == rows:
        return np.arange(first_line, first_line + rows, dtype=np.int64)
    filled = [at for at, line in enumerate(raw.split(b"\n"), first_line) if line.strip()]
    return np.array(filled, dtype=np.int64)
