"""
Bar columns in Parquet files: written exactly, read back to the same integers.

A file written here holds the close time (`ts_close`, UTC nanoseconds), prices and volume as
decimals, and in its metadata the instrument, the interval and the decimals of the grids. Files of
other origin may hold any types; what they mean is told from the column names as in a CSV file.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from algopioneer_core.domain.errors import DataError, OutputError
from algopioneer_core.history.arrow_arrays import arrow_decimals, arrow_integers
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, BarSource
from algopioneer_core.history.csv_rows import Layout, TextBlock
from algopioneer_core.history.stretches import Stretch

__all__ = ["ParquetRows", "WrittenFacts", "write_parquet"]

_PREFIX: Final = "algopioneer."
_ASKED: Final = f"{_PREFIX}asked"
_WIDTH: Final = 38


@frozen
class WrittenFacts:
    """What a file written here says about itself."""

    symbol: str
    interval_ns: int
    price_decimals: int
    volume_decimals: int
    venue: str = ""
    asked: tuple[Stretch, ...] = ()
    """Close times that a venue was asked for, where the bars were fetched from one."""


class ParquetRows:
    """
    A Parquet file.

    Args:
        path: The file.

    Raises:
        DataError: It is not a Parquet file, or is damaged; for every method.
    """

    place: Final = "row "
    """What goes before a row's number in a message."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header_line = 0
        with self._open() as file:
            self.first_row: list[str] = list(file.schema_arrow.names)
            self.facts = _facts(file.schema_arrow.metadata or {})

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                yield file
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(
                f"the file cannot be read as Parquet: {str(error).splitlines()[0]}",
                where=str(self.path),
                remedy="check that it is a whole Parquet file",
            ) from None

    def blocks(self, layout: Layout) -> Iterator[TextBlock]:
        """Stream the columns that *layout* names."""
        roles = layout.positions()
        names = sorted({layout.names[at] for at in roles.values()})
        first = 1
        with self._open() as file:
            for batch in file.iter_batches(CHUNK_BARS, columns=names):
                columns = {role: _flat(batch[layout.names[at]]) for role, at in roles.items()}
                yield TextBlock(np.arange(first, first + len(batch), dtype=np.int64), columns)
                first += len(batch)


def _flat(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    is_large = pa.types.is_large_string(column.type)
    return pc.cast(column, pa.string()) if is_large else column


def _facts(metadata: Mapping[bytes, bytes]) -> WrittenFacts | None:
    named = {
        key.decode(errors="replace"): value.decode()
        for key, value in metadata.items()
        if key.startswith(_PREFIX.encode())
    }
    if not named:
        return None
    return WrittenFacts(
        symbol=named[f"{_PREFIX}symbol"],
        interval_ns=int(named[f"{_PREFIX}interval_ns"]),
        price_decimals=int(named[f"{_PREFIX}price_decimals"]),
        volume_decimals=int(named[f"{_PREFIX}volume_decimals"]),
        venue=named.get(f"{_PREFIX}venue", ""),
        asked=tuple(
            (int(start), int(end))
            for start, end in (each.split("/") for each in named.get(_ASKED, "").split())
        ),
    )


def write_parquet(
    bars: BarColumns | BarSource, path: Path, *, asked: Sequence[Stretch] = ()
) -> None:
    """
    Write *bars* to *path*, durably; a reader never sees half a file.

    Args:
        bars: What to write.
        path: The file; one that is there is replaced.
        asked: Close times that a venue was asked for, to be kept with the bars.

    Raises:
        OutputError: The file cannot be written.
    """
    chunks = [bars] if isinstance(bars, BarColumns) else bars.chunks()
    draft = path.with_name(f".{path.name}.part")
    try:
        _write(chunks, _schema(bars, asked), draft)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OutputError(
            f"the bars cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="choose a place that can be written",
        ) from None
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _write(chunks: Iterable[BarColumns], schema: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema) as writer:
            for chunk in chunks:
                writer.write_table(_table(chunk, schema))
        file.flush()
        os.fsync(file.fileno())


def _schema(bars: BarColumns | BarSource, asked: Sequence[Stretch]) -> Any:
    price = pa.decimal128(_WIDTH, bars.price_decimals)
    volume = pa.decimal128(_WIDTH, bars.volume_decimals)
    facts = {
        "symbol": bars.instrument_id.symbol,
        "venue": bars.instrument_id.venue,
        "interval_ns": bars.interval_ns,
        "price_decimals": bars.price_decimals,
        "volume_decimals": bars.volume_decimals,
    }
    named = {_PREFIX + name: str(value) for name, value in facts.items()}
    if asked:
        named[_ASKED] = " ".join(f"{start}/{end}" for start, end in asked)
    prices = [(name, price) for name in ("open", "high", "low", "close")]
    return pa.schema(
        [("ts_close", pa.timestamp("ns", tz="UTC")), *prices, ("volume", volume)],
        metadata=named,
    )


def _table(bars: BarColumns, schema: Any) -> Any:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    kinds = schema.types
    numbers = [arrow_decimals(*pair) for pair in zip(columns, kinds[1:], strict=True)]
    return pa.Table.from_arrays([arrow_integers(bars.ts_ns, kinds[0]), *numbers], schema=schema)
