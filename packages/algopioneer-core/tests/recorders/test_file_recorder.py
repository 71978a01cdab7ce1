"""CSV and JSON lines: the contract, torn files, full disks, foreign files, two writers."""

import csv
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import OutputError
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.trade_fields import TRADE_FIELDS, trade_fields
from algopioneer_core.recorders.config import CsvRecorderConfig, JsonlRecorderConfig
from algopioneer_core.recorders.file_recorder import open_csv_recorder, open_jsonl_recorder
from algopioneer_core.testing.contracts import OpenRecorder, Recorded, RecorderContract
from algopioneer_core.testing.logs import logged
from algopioneer_core.testing.trades import round_trip, round_trips

Open = Callable[[Path], OpenRecorder]
Read = Callable[[Path], list[dict[str, str]]]


def open_csv(path: Path) -> OpenRecorder:
    """Return what opens a CSV recorder on *path*, with real threads."""
    config = CsvRecorderConfig(path=str(path))
    return lambda: open_csv_recorder(config, anyio.to_thread.run_sync)


def open_jsonl(path: Path) -> OpenRecorder:
    """Return what opens a JSON lines recorder on *path*, with real threads."""
    config = JsonlRecorderConfig(path=str(path))
    return lambda: open_jsonl_recorder(config, anyio.to_thread.run_sync)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as any program reads them."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, strict=True))


def read_jsonl(path: Path) -> list[dict[str, str]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


both = pytest.mark.parametrize(
    ("opener", "read"), [(open_csv, read_csv), (open_jsonl, read_jsonl)], ids=["csv", "jsonl"]
)


def record(opening: OpenRecorder, *trades: tuple[str, RoundTrip]) -> None:
    """Open, record the trades, flush and close, in an event loop of its own."""

    async def run() -> None:
        async with opening() as recorder:
            for key, trade in trades:
                await recorder.record(key, trade)
            await recorder.flush()

    anyio.run(run, backend="trio")


class TestCsvRecorder(RecorderContract):
    @pytest.fixture
    def open_recorder(self, tmp_path: Path) -> OpenRecorder:
        """Return what opens it on one file."""
        return open_csv(tmp_path / "deep" / "trades.csv")

    @pytest.fixture
    def recorded(self, tmp_path: Path) -> Recorded:
        """Return what reads that file."""
        return partial(read_csv, tmp_path / "deep" / "trades.csv")


class TestJsonlRecorder(RecorderContract):
    @pytest.fixture
    def open_recorder(self, tmp_path: Path) -> OpenRecorder:
        """Return what opens it on one file."""
        return open_jsonl(tmp_path / "trades.jsonl")

    @pytest.fixture
    def recorded(self, tmp_path: Path) -> Recorded:
        """Return what reads that file."""
        return partial(read_jsonl, tmp_path / "trades.jsonl")


def test_csv_columns_are_a_promise(tmp_path: Path) -> None:
    """People's spreadsheets depend on names and order; the header is written once."""
    path = tmp_path / "trades.csv"
    record(open_csv(path), ("alpha:1", round_trip(1)))
    record(open_csv(path), ("alpha:2", round_trip(2, exit_reason='stop, "hard"')))
    assert path.read_text("utf-8") == (
        "key,strategy,instrument,side,quantity,entry_time,exit_time,"
        "entry_price,exit_price,pnl,fees,cost,exit_reason\n"
        "alpha:1,alpha,sim:BTC-USD,long,0.5,1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,"
        "100.1,102.5,1,0.2,50.05,signal\n"
        "alpha:2,alpha,sim:BTC-USD,long,0.5,1970-01-01T00:02:00Z,1970-01-01T00:03:00Z,"
        '100.1,102.5,2,0.2,50.05,"stop, ""hard"""\n'
    )


@pytest.mark.slow
@both
def test_a_kill_at_any_byte_of_the_last_write_loses_and_doubles_nothing(
    opener: Open, read: Read, tmp_path: Path
) -> None:
    """Whatever part of a line reached the disk, the trade is there once when offered again."""
    path = tmp_path / "trades"
    record(opener(path), ("alpha:1", round_trip(1)))
    first = len(path.read_bytes())
    second = round_trip(2, exit_reason='a "b", c')
    record(opener(path), ("alpha:2", second))
    whole = path.read_bytes()
    offered = {"alpha:1": round_trip(1), "alpha:2": second, "alpha:3": round_trip(3)}
    for length in range(first, len(whole) + 1):
        path.write_bytes(whole[:length])
        record(opener(path), *offered.items())
        assert [trade_fields(*each) for each in offered.items()] == read(path), length


@both
def test_what_is_cut_off_is_logged(opener: Open, read: Read, tmp_path: Path) -> None:
    """Nothing vanishes in silence, not even half a line."""
    path = tmp_path / "trades"
    record(opener(path), ("alpha:1", round_trip(1)))
    path.write_bytes(path.read_bytes()[:-3])
    with logged() as log:
        record(opener(path))
        record(opener(path))
    (line,) = log.lines()
    assert ("recorder.repaired", str(path)) == (line["event"], line["path"])
    assert "alpha:1" in line["cut"]
    assert [] == read(path)


@pytest.mark.slow
@both
def test_a_kill_at_any_byte_of_a_new_file_is_repaired(
    opener: Open, read: Read, tmp_path: Path
) -> None:
    """The header is whole before the first trade, even if its first writing was cut short."""
    path = tmp_path / "trades"
    record(opener(path), ("alpha:1", round_trip(1)))
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        record(opener(path), ("alpha:1", round_trip(1)))
        assert whole == path.read_bytes(), length


@both
def test_unflushed_trades_that_the_disk_forgot_are_taken_again(
    opener: Open, read: Read, tmp_path: Path
) -> None:
    """A power cut takes what was not synced; the journal still offers it."""
    path = tmp_path / "trades"
    record(opener(path), ("alpha:1", round_trip(1)))
    kept = path.read_bytes()
    record(opener(path), ("alpha:2", round_trip(2)), ("alpha:3", round_trip(3)))
    path.write_bytes(kept)
    record(opener(path), ("alpha:2", round_trip(2)), ("alpha:3", round_trip(3)))
    assert ["alpha:1", "alpha:2", "alpha:3"] == [row["key"] for row in read(path)]


@pytest.mark.slow
@both
@given(trades=st.lists(round_trips(), max_size=4))
def test_any_trade_reads_back_as_it_was(
    opener: Open,
    read: Read,
    trades: list[RoundTrip],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Quotation marks, commas, line breaks and foreign letters in a reason break no file."""
    path = tmp_path_factory.mktemp("any") / "trades"
    keyed = [(f"größe, {number}:1", trade) for number, trade in enumerate(trades)]
    for _ in range(2):
        record(opener(path), *keyed)
    assert [trade_fields(key, trade) for key, trade in keyed] == read(path)


# --- files that are not ours -----------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "content",
    [
        "date,amount\n1,2\n",
        "no line end",
        '["key"]\n',
        "\x00\xff\n",
        ",".join(TRADE_FIELDS) + "\nalpha:1,too,few\n",
        ",".join(TRADE_FIELDS) + '\n"open\n',
        '{"name": 1}\n',
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(
    opener: Open, read: Read, content: str, tmp_path: Path
) -> None:
    """A wrong path must not destroy somebody's file."""
    path = tmp_path / "mine.txt"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(OutputError, match="does not hold trades as") as caught:
        record(opener(path), ("alpha:1", round_trip(1)))
    assert str(path) in str(caught.value.where)
    assert "was left as it is" in str(caught.value)
    assert content.encode("latin-1") == path.read_bytes()


def test_lines_with_a_carriage_return_are_read(tmp_path: Path) -> None:
    """An editor that changed the line ends does not make trades be written twice."""
    path = tmp_path / "trades.csv"
    record(open_csv(path), ("alpha:1", round_trip(1)))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    record(open_csv(path), ("alpha:1", round_trip(1)))
    assert 2 == path.read_bytes().count(b"\n")


@both
def test_two_recorders_on_one_file_are_refused(opener: Open, read: Read, tmp_path: Path) -> None:
    """The second is told; the first works on, and afterwards the file is free again."""
    path = tmp_path / "trades"

    async def run() -> None:
        async with opener(path)() as recorder:
            with pytest.raises(OutputError, match="another recorder writes to this file"):
                async with opener(path)():
                    pass
            await recorder.record("alpha:1", round_trip(1))
            await recorder.flush()

    anyio.run(run)
    record(opener(path), ("alpha:2", round_trip(2)))
    assert ["alpha:1", "alpha:2"] == [row["key"] for row in read(path)]


@pytest.mark.parametrize("taken", ["a folder", "a file as a folder"])
@both
def test_a_path_that_cannot_be_written_is_refused_at_once(
    opener: Open, read: Read, taken: str, tmp_path: Path
) -> None:
    """The session must not find out after the first trade."""
    (tmp_path / "file").write_text("x")
    path = tmp_path if taken == "a folder" else tmp_path / "file" / "trades"
    with pytest.raises(OutputError, match="cannot write here") as caught:
        record(opener(path))
    assert str(path) == caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize("key", ["", "two\nlines", " edge", "tab\t"])
@both
def test_a_key_that_could_not_be_found_again_is_refused(
    opener: Open, read: Read, key: str, tmp_path: Path
) -> None:
    """It would be written anew after each restart."""
    with pytest.raises(OutputError, match="is no key for a trade"):
        record(opener(tmp_path / "trades"), (key, round_trip()))
    assert [] == read(tmp_path / "trades")


@both
def test_a_file_of_another_journal_is_noticed(opener: Open, read: Read, tmp_path: Path) -> None:
    """A new journal counts from one again: its trades must not be taken for those of the old."""
    path = tmp_path / "trades"
    record(opener(path), ("alpha:1", round_trip(1)), ("alpha:2", round_trip(2)))
    with pytest.raises(OutputError, match="another trade was recorded here as alpha:1") as caught:
        record(opener(path), ("alpha:1", round_trip(7)))
    assert "begin a new file" in str(caught.value)
    assert ["alpha:1", "alpha:2"] == [row["key"] for row in read(path)]


# --- a disk that refuses ---------------------------------------------------------------------


@contextmanager
def full_after(length: int) -> Iterator[None]:
    """Let no file of this process grow beyond *length*: the system takes a part, then refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@both
def test_a_full_disk_raises_and_can_be_tried_again(
    opener: Open, read: Read, tmp_path: Path
) -> None:
    """Half a line was written; once there is room, nothing of it is left and no trade is lost."""
    path = tmp_path / "trades"

    async def run() -> None:
        async with opener(path)() as recorder:
            await recorder.record("alpha:1", round_trip(1))
            with full_after(path.stat().st_size + 30):
                for _ in range(2):
                    with pytest.raises(OutputError, match="cannot write here: file too large"):
                        await recorder.record("alpha:2", round_trip(2))
            await recorder.record("alpha:3", round_trip(3))
            await recorder.record("alpha:2", round_trip(2))
            await recorder.flush()

    anyio.run(run)
    assert ["alpha:1", "alpha:3", "alpha:2"] == [row["key"] for row in read(path)]


@both
def test_trades_after_a_failed_sync_are_written_again(
    opener: Open, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync the system may have dropped the data, and says so only once."""
    path = tmp_path / "trades"
    before = b""

    def drop(descriptor: int) -> None:
        os.ftruncate(descriptor, len(before))
        raise OSError(5, "Input/output error")

    async def run() -> None:
        nonlocal before
        async with opener(path)() as recorder:
            await recorder.record("alpha:1", round_trip(1))
            await recorder.flush()
            before = path.read_bytes()
            await recorder.record("alpha:2", round_trip(2))
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", drop)
                with pytest.raises(OutputError, match="input/output error"):
                    await recorder.flush()
            assert before == path.read_bytes()
            await recorder.flush()
            await recorder.flush()

    anyio.run(run)
    assert ["alpha:1", "alpha:2"] == [row["key"] for row in read(path)]


@both
def test_a_file_that_was_moved_away_is_noticed(opener: Open, read: Read, tmp_path: Path) -> None:
    """Trades must not go to a file that nobody will look at; put back, it goes on."""
    path = tmp_path / "trades"

    async def run() -> None:
        async with opener(path)() as recorder:
            await recorder.record("alpha:1", round_trip(1))
            path.rename(tmp_path / "moved")
            path.write_text("another")
            with pytest.raises(OutputError, match="moved or replaced"):
                await recorder.flush()
            path.unlink()
            with pytest.raises(OutputError, match="no such file"):
                await recorder.flush()
            (tmp_path / "moved").rename(path)
            await recorder.flush()

    anyio.run(run)
    assert ["alpha:1"] == [row["key"] for row in read(path)]


def test_what_blocks_goes_through_the_hook(tmp_path: Path) -> None:
    """Simulation runs it inline; then no thread is ever started."""
    called: list[str] = []

    async def seen(function: Callable[..., object], *args: object) -> object:
        called.append(getattr(function, "__name__", "?"))
        await anyio.lowlevel.checkpoint()
        return function(*args)

    async def run() -> None:
        config = CsvRecorderConfig(path=str(tmp_path / "trades.csv"))
        async with open_csv_recorder(config, seen) as recorder:  # type: ignore[arg-type]  # any
            await recorder.record("alpha:1", round_trip(1))
            await recorder.flush()

    anyio.run(run)
    assert ["LineFile", "append", "sync"] == called
