"""Recorders that write one trade to a line, as CSV or JSON."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

import anyio

from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.trade_fields import TRADE_FIELDS, trade_fields
from algopioneer_core.ports import Recorder, RunBlocking
from algopioneer_core.recorders.config import CsvRecorderConfig, JsonlRecorderConfig
from algopioneer_core.recorders.line_file import LineFile, LineFormat
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.telemetry.logging import get_logger

__all__ = ["FileRecorder", "open_csv_recorder", "open_jsonl_recorder"]


class FileRecorder:
    """
    Appends each trade to a file as one line, once for each key the file has ever had.

    Tasks may share it. A trade that `record` or `flush` failed on, or whose `record` was cancelled,
    may be offered again: it is in the file once.

    Args:
        file: Where to; closed by whoever opened it.
        write: Makes a line of the trade's fields.
        run_blocking: Runs what waits for the disk.
    """

    def __init__(
        self, file: LineFile, write: Callable[[dict[str, str]], str], run_blocking: RunBlocking
    ) -> None:
        self._file = file
        self._write = write
        self._run_blocking = run_blocking
        self._turn = anyio.Lock()

    async def record(self, key: str, trade: RoundTrip) -> None:
        """
        Append *trade*, unless its key is there.

        Raises:
            OutputError: It cannot be written (now), the key is not one line of text, or the file
                has another trade of that key, because it was begun with another journal.
        """
        line = self._write(trade_fields(key, trade))
        async with self._turn:
            await self._run_blocking(self._file.append, key, line)

    async def flush(self) -> None:
        """
        Return once all trades recorded so far are on the disk.

        Raises:
            OutputError: They are not (yet).
        """
        async with self._turn:
            await self._run_blocking(self._file.sync)


@asynccontextmanager
async def _opened(
    recorder: str, path: str, form: LineFormat, run_blocking: RunBlocking
) -> AsyncIterator[LineFile]:
    with closing(await run_blocking(LineFile, Path(path), form)) as file:
        if file.torn:
            log = get_logger(recorder=recorder, path=path)
            log.warning(LogEvent.RECORDER_REPAIRED, cut=file.torn)
        yield file


# --- CSV -------------------------------------------------------------------------------------


def _csv_line(fields: dict[str, str]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, TRADE_FIELDS, lineterminator="").writerow(fields)
    return text.getvalue()


def _csv_cells(line: str) -> list[str]:
    try:
        cells = next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from None
    if len(cells) != len(TRADE_FIELDS):
        raise ValueError(f"the line has {len(cells)} cells instead of {len(TRADE_FIELDS)}")
    return cells


_CSV: Final = LineFormat(
    what="trades as CSV", header=",".join(TRADE_FIELDS), start="", cells_of=_csv_cells
)


@asynccontextmanager
async def open_csv_recorder(
    config: CsvRecorderConfig, run_blocking: RunBlocking
) -> AsyncIterator[Recorder]:
    """
    Open the recorder that appends to a CSV file with the columns `TRADE_FIELDS`.

    Raises:
        OutputError: The file cannot be written, is in use, or is not such a file.
    """
    async with _opened("csv", config.path, _CSV, run_blocking) as file:
        yield FileRecorder(file, _csv_line, run_blocking)


# --- JSON lines ------------------------------------------------------------------------------


def _json_line(fields: dict[str, str]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _json_cells(line: str) -> list[str]:
    fields = json.loads(line)
    if not isinstance(fields, dict) or not isinstance(fields.get("key"), str):
        raise ValueError("the line is no JSON object with a key")
    return [str(fields.get(name, "")) for name in TRADE_FIELDS]


_JSONL: Final = LineFormat(
    what="trades as JSON lines", header="", start='{"key": ', cells_of=_json_cells
)


@asynccontextmanager
async def open_jsonl_recorder(
    config: JsonlRecorderConfig, run_blocking: RunBlocking
) -> AsyncIterator[Recorder]:
    """
    Open the recorder that appends to a file of JSON objects, one a line, with `TRADE_FIELDS`.

    All values are text, amounts too: a JSON number would be read as a float.

    Raises:
        OutputError: The file cannot be written, is in use, or is not such a file.
    """
    async with _opened("jsonl", config.path, _JSONL, run_blocking) as file:
        yield FileRecorder(file, _json_line, run_blocking)
