"""Bars of a venue's own history: a stranger's venue, installed from its wheel, backtested on."""

import csv
import datetime
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.main import main
from tests.example_distributions import ROOT, copied, install, run

BARS = ROOT / "examples" / "data" / "made-up-1h.csv"
RANGE = ("--interval", "1h", "--from", "2024-01-02", "--to", "2024-01-20")
WINDOWS = ("--strategy", "moving-average", "--short-window", "3", "--long-window", "8")
ASKED = (*WINDOWS, "--config", "run.toml", "--exchange", "archive")
DEMO = ("--symbols", "DEMO-USD")

Backtest = Callable[..., dict[str, Any]]
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example's wheel."""
    folder = tmp_path_factory.mktemp("archive")
    return install(copied("acme-archive", folder), folder)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a folder with an archive of one instrument, and the file that says where it is."""
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars" / "DEMO-USD.csv").write_bytes(BARS.read_bytes())
    _configure(tmp_path, 'folder = "bars"\ntaker_fee_bps = 10\nquantity_increment = 0.5')
    return tmp_path


def _configure(folder: Path, settings: str) -> None:
    (folder / "run.toml").write_text(f"[venue.archive]\n{settings}\n", encoding="utf-8")


@pytest.fixture
def here(installed: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process find the example, and the archive where it stands."""
    monkeypatch.delenv("ALGOPIONEER_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.chdir(archive)


@pytest.fixture
def backtest(here: None, capsys: pytest.CaptureFixture[str]) -> Backtest:
    """Return a function that runs a backtest and returns its results."""

    def results(*words: str) -> dict[str, Any]:
        code = main(["backtest", *words, "--json"])
        shown = capsys.readouterr()
        assert (code, shown.err) == (0, "")
        answer: dict[str, Any] = json.loads(shown.out)
        return answer

    return results


@pytest.fixture
def refused(here: None, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Return a function that runs a backtest, checks its exit code, and returns its one line."""

    def line(code: int, *words: str) -> str:
        assert code == main(["backtest", *words])
        shown = capsys.readouterr()
        assert ("", 1) == (shown.out, len(shown.err.splitlines()))
        return shown.err

    return line


def test_venues_bars_trade_as_those_of_its_file(backtest: Backtest, archive: Path) -> None:
    """The way through the port loses nothing: results differ in what they say about the origin."""
    whole = 'kind = "spot"\nquantity_increment = 0.5\ntaker_fee_bps = 10'
    (archive / "described.toml").write_text(f'["DEMO-USD"]\n{whole}\n', encoding="utf-8")
    file = ("--data", "bars/DEMO-USD.csv", *DEMO)

    by_venue = backtest(*ASKED, *DEMO, *RANGE)
    by_file = backtest(*WINDOWS, *file, *RANGE, "--instruments", "described.toml")

    different = {key for key in by_file if by_file[key] != by_venue[key]}
    assert by_venue["total_trades"] > 3
    assert {"data"} == different
    assert {"venue": "archive", "stamp": "open", "gaps": 0, "missing_bars": 0} == by_venue["data"]


def test_range_is_the_one_asked_for(backtest: Backtest) -> None:
    """The first bar closes at `--from` or later, the last one before `--to`."""
    results = backtest(*ASKED, *DEMO, *RANGE)

    assert ("2024-01-02T00:00:00Z", "2024-01-19T23:00:00Z", 18 * 24) == (
        results["first_bar"],
        results["last_bar"],
        results["bars"],
    )


def test_venues_increments_and_fees_are_those_of_the_run(backtest: Backtest, archive: Path) -> None:
    """Quantities stand on its grid, its fee is charged; `--fee-bps` wins over it."""
    words = (*ASKED, *DEMO, *RANGE, "--output-dir", "out")
    charged, free = (
        backtest(*words),
        backtest(*ASKED, *DEMO, *RANGE, "--fee-bps", "0"),
    )

    with (archive / "out" / "trades.csv").open(encoding="utf-8") as rows:
        quantities = {Decimal(row["quantity"]) for row in csv.DictReader(rows)}
    assert quantities
    assert all(quantity % Decimal("0.5") == 0 for quantity in quantities)
    assert Decimal(charged["fees_paid"]) > 0
    assert Decimal(free["fees_paid"]) == 0


def test_long_range_is_asked_for_in_pieces(backtest: Backtest, archive: Path) -> None:
    """A range of three chunks, each bar once, gaps counted as in a file."""
    begin = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    minutes = [*range(70_000), *range(140_000, 150_000)]
    rows = [
        f"{begin + datetime.timedelta(minutes=m):%Y-%m-%dT%H:%MZ},10,11,9,{10 + m % 2},1"
        for m in minutes
    ]
    text = "\n".join(("time,open,high,low,close,volume", *rows))
    (archive / "bars" / "DEMO-USD.csv").write_text(text, encoding="utf-8")

    range_ = ("--interval", "1m", "--from", "2024-01-01", "--to", "2024-05-01")

    results = backtest(*ASKED, *DEMO, *range_)

    assert len(minutes) == results["bars"]
    assert (1, 70_000) == (results["data"]["gaps"], results["data"]["missing_bars"])


def test_its_configuration_runs_from_the_root_of_the_checkout(installed: Path) -> None:
    """Venue, settings and range, all from one file."""
    words = ("backtest", "--config", "examples/acme-archive/run.toml", "--json")

    done = run("algopioneer_core", *words, folder=ROOT, path=installed)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["total_trades"] > 0


def test_it_passes_the_check_of_plugins(installed: Path) -> None:
    """Every reference resolves, and this core is in the range it was written for."""
    done = run("algopioneer_core", "plugins", "check", folder=installed, path=installed)

    assert "without a fault" in done.stdout


@pytest.mark.parametrize(
    ("code", "words", "line"),
    [
        (4, DEMO, "interval: which bars to ask the venue for is not said (give --interval"),
        (4, (*DEMO, *RANGE[:2]), "from: which bars to ask the venue for is not said"),
        (4, (*DEMO, *RANGE[:4]), "to: which bars to ask the venue for is not said"),
        (4, (*DEMO, *RANGE, "--stamp", "close"), "--stamp: is for bars of files"),
        (4, (*RANGE, "--symbols", "kraken:DEMO-USD"), "is not traded at venue 'archive'"),
        (3, (*RANGE, "--symbols", "DEMO-UST"), "'DEMO-UST' is not traded at venue 'archive' (did "),
        (3, (*DEMO, *RANGE, "--interval", "7m"), "has no bars of 7m (it has 1m, 5m, 1h, 1d)"),
        (3, (*DEMO, *RANGE, "--interval", "5m"), "the archive has no bars of 300000000000 ns"),
        (3, (*DEMO, *RANGE, "--from", "2020-01-01"), "the archive has no bars from so long ago"),
        (3, (*DEMO, *RANGE, "--from", "2024-02-01", "--to", "2024-02-02"), "no bar that closes in"),
        (4, (*DEMO, *RANGE, "--exchange", "archiv"), "did you mean 'archive'?"),
        (5, (*DEMO, *RANGE, "--exchange", "kraken"), "cannot be used: this release declares"),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched_is_one_line(
    refused: Refused, code: int, words: tuple[str, ...], line: str
) -> None:
    """Where, why and what to do."""
    assert line in refused(code, *ASKED, *words)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ('foldr = "bars"', "run.toml: venue.archive.foldr: unknown option 'foldr' (did you mean"),
        ("", "venue.archive.folder: is required and missing"),
        ('folder = "absent"', "absent: there is no CSV file (name a folder"),
        ('folder = "bars"\n[venue.archve]', "no venue is named 'archve'"),
    ],
)
def test_wrong_setting_of_the_venue_is_named(
    refused: Refused, archive: Path, settings: str, line: str
) -> None:
    """File, table and key; exit code 4."""
    _configure(archive, settings)

    assert line in refused(4, *ASKED, *DEMO, *RANGE)


def test_pairs_are_looked_for_in_a_venues_history(
    here: None, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bars are fetched into files and screened; of a list, what is not traded is passed over."""
    text = BARS.read_text("utf-8")
    (archive / "bars" / "OTHER-USD.csv").write_text(text, encoding="utf-8")
    asked = ("discover-pairs", "--exchange", "archive", "--venue", "folder=bars", "--json")
    since = datetime.datetime.now(datetime.UTC) - datetime.datetime(2024, 1, 3, tzinfo=datetime.UTC)
    days = ("--interval", "1h", "--lookback-days", str(since.days), "--bars", "kept")

    assert 0 == main([*asked, *days, "--symbols", "DEMO-USD,OTHER-USD"])
    found = json.loads(capsys.readouterr().out)
    assert (0, [["DEMO-USD", "OTHER-USD"]]) == (found["tests"], found["collinear"])
    assert ["archive-DEMO-USD-1h.parquet", "archive-OTHER-USD-1h.parquet"] == sorted(
        path.name for path in (archive / "kept").glob("*.parquet")
    )

    assert 3 == main([*asked, *days, "--symbols", "DEMO-USD,NONE-USD"])
    assert "'NONE-USD' is not traded at venue 'archive'" in capsys.readouterr().err
    assert 3 == main([*asked, *days])
    assert "'archive' trades none of the" in capsys.readouterr().err
