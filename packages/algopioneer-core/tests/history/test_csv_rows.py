"""How the text of a CSV file reaches Arrow."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from algopioneer_core.history.bar_headers import recognise
from algopioneer_core.history.columns import Stamp
from algopioneer_core.history.csv_rows import CsvText

ROW = b"1700000000,1,2,1,2,5\n"


def test_arrow_reads_memory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads then need no interpreter to let it go, however late they are."""
    path = tmp_path / "bars.csv"
    path.write_bytes(b"time,open,high,low,close,volume\n" + ROW * 5_000)
    owned: list[int] = []
    read = pa_csv.read_csv

    def watched(*args: Any, **options: Any) -> Any:
        owned.append(pa.total_allocated_bytes() - before)
        return read(*args, **options)

    monkeypatch.setattr(pa_csv, "read_csv", watched)
    before = pa.total_allocated_bytes()
    text = CsvText(path)
    layout = recognise(text.first_row, "DEMO-USD", stamp=Stamp.OPEN, where=str(path))
    rows = sum(len(block.lines) for block in text.blocks(layout))

    assert rows == 5_000
    assert len(owned) == 1
    assert owned[0] >= 5_000 * len(ROW)
