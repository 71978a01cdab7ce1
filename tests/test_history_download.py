"""`history download` as a whole: from a local Coinbase, and from a stranger's venue."""

import datetime
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.bootstrap.downloading import archive_lock
from algopioneer_core.cli.main import main
from algopioneer_core.journal.lock import try_lock
from tests.example_distributions import ROOT, copied, install
from tests.local_coinbase import go_to, local_coinbase

ARCHIVE = ROOT / "examples" / "data" / "made-up-1h.csv"


@pytest.fixture(scope="module")
def coinbase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Serve a local Coinbase for all tests."""
    with local_coinbase(tmp_path_factory.mktemp("coinbase")) as variables:
        yield variables


@pytest.fixture
def here(coinbase: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder; the local exchange is known, and no key is."""
    go_to(tmp_path, coinbase, monkeypatch)
    return tmp_path


def hours_ago(number: int) -> str:
    """Return a whole hour of the recent past, as a flag takes it."""
    now = datetime.datetime.now(datetime.UTC).replace(minute=0, second=0, microsecond=0)
    return (now - datetime.timedelta(hours=number)).strftime("%Y-%m-%dT%H:%MZ")


def words(first: int, last: int, *more: str) -> tuple[str, ...]:
    """Return the command for minutes of two coins between so many hours ago."""
    return (
        *("history", "download", "--exchange", "coinbase", "--symbols", "BTC-USD,ETH-USD"),
        *("--interval", "1m", "--from", hours_ago(first), "--to", hours_ago(last), *more),
    )


def files(capsys: pytest.CaptureFixture[str], *asked: str) -> list[dict[str, Any]]:
    """Run the command and return what it says about each file."""
    code = main([*asked, "--json"])
    shown = capsys.readouterr()
    assert (0, "") == (code, shown.err)
    rows: list[dict[str, Any]] = json.loads(shown.out)["files"]
    return rows


def test_bars_are_fetched_once_completed_and_traded(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a key; a second download asks for the rest, and a backtest reads the file at once."""
    first = files(capsys, *words(30, 29))
    later = files(capsys, *words(27, 26))
    between = files(capsys, *words(30, 26))

    assert [60, 60] == [each["bars"] for each in first]
    assert [60, 60] == [each["new_bars"] for each in later]
    assert [(240, 120, 0)] * 2 == [
        (each["bars"], each["new_bars"], each["gaps"]) for each in between
    ]
    path = Path(between[0]["path"])
    assert "bars/coinbase-BTC-USD-1m.parquet" == path.as_posix()
    trade = ["backtest", "--strategy", "moving-average", "--symbols", "BTC-USD", "--data"]
    assert 0 == main([*trade, str(path), "--json"])
    assert 240 == json.loads(capsys.readouterr().out)["bars"]


def test_what_was_fetched_is_told_to_people(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many bars, from when to when, where, and which are missing."""
    assert 0 == main(words(5, 4, "--output", "there"))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("coinbase:BTC-USD 1m: 60 bars that close from ")
    assert ["  there/coinbase-BTC-USD-1m.parquet", "  no gaps"] == lines[1:3]


@pytest.mark.parametrize(
    ("code", "changes", "line"),
    [
        (3, {"symbols": "BTC-USDX"}, "'BTC-USDX' is not traded at venue 'coinbase' (did you mean"),
        (4, {"symbols": "kraken:BTC-USD"}, "'kraken:BTC-USD' is not traded at venue 'coinbase'"),
        (4, {"symbols": ","}, "--symbols: no symbol is named"),
        (4, {"symbols": "ETH-USD,ETH-USD"}, "'ETH-USD' is named twice"),
        (3, {"interval": "7m"}, "venue 'coinbase' has no bars of 7m (it has 1m, 5m"),
        (4, {"interval": "soon"}, "'soon' is not a length of time"),
        (4, {"from": "2020-02-02", "to": "2020-01-01"}, "--to: to must be after from"),
        (3, {"from": "2020-01-01", "to": "2020-01-02"}, "coinbase:BTC-USD: the venue has no bar"),
        (4, {"exchange": "coinbse"}, "did you mean 'coinbase'?"),
        (5, {"exchange": "kraken"}, "cannot be used: this release declares"),
        (3, {"exchange": "paper"}, "venue 'paper' needs another venue to shadow"),
        (4, {"venue": "rest_url"}, "--venue: 'rest_url' is not a setting"),
        (4, {"venue": "rest_url=coinbase"}, "coinbase: not a URL of HTTP"),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], code: int, changes: dict[str, str], line: str
) -> None:
    """Where, why and what to do."""
    asked = {
        "exchange": "coinbase",
        "symbols": "BTC-USD",
        "interval": "1m",
        "from": hours_ago(3),
        **changes,
    }
    flags = [word for key, value in asked.items() for word in (f"--{key}", value)]

    assert code == main(["history", "download", *flags])

    shown = capsys.readouterr()
    assert ("", 1) == (shown.out, len(shown.err.splitlines()))
    assert line in shown.err


def test_two_downloads_do_not_write_one_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second is refused; a directory that is none as well."""
    path = here / "bars" / "coinbase-ETH-USD-1m.parquet"
    path.parent.mkdir()
    with archive_lock(path).open("ab") as other:
        assert try_lock(other)
        assert 2 == main(words(5, 4))
    assert "another download writes to this file" in capsys.readouterr().err
    (here / "file").touch()
    assert 2 == main(words(5, 4, "--output", "file"))
    assert "cannot write here" in capsys.readouterr().err


def test_a_strangers_venue_is_downloaded_too(
    here: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing of it is Coinbase's: the port is enough."""
    folder = tmp_path_factory.mktemp("acme")
    monkeypatch.syspath_prepend(str(install(copied("acme-archive", folder), folder)))
    (here / "csv").mkdir()
    (here / "csv" / "DEMO-USD.csv").write_bytes(ARCHIVE.read_bytes())

    [row] = files(
        capsys, "history", "download", "--exchange", "archive", "--venue", "folder=csv",
        "--symbols", "DEMO-USD", "--interval", "1h", "--from", "2024-01-02", "--to", "2024-01-20",
    )  # fmt: skip

    assert ("archive:DEMO-USD", 18 * 24) == (row["instrument"], row["bars"])
