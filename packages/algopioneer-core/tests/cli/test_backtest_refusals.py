"""What goes wrong with a backtest is one line: place, cause and remedy; never a traceback."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.testing.distributions import write_distribution

_HEADER = "time,open,high,low,close,volume\n"
_ROWS = [f"2024-01-01T00:{minute:02}:00Z,10,11,9,10.5,1\n" for minute in range(30)]

_STRATEGY = """
from algopioneer_core.plugins import StrategySpec, hookimpl

@hookimpl
def algopioneer_strategies():
    return [StrategySpec(name="{name}", summary="Waits.", factory="{module}:Waiting",
                         config="{module}:WaitingConfig")]

from attrs import frozen
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.engine.strategy import Requirements
from algopioneer_core.settings import at_least, option

@frozen(kw_only=True)
class WaitingConfig:
    short_window: int = option(5, help="Short.", unit="bars", validator=at_least(1))
    long_window: int = option(20, help="Long.", unit="bars")

    def __attrs_post_init__(self):
        if self.short_window >= self.long_window:
            raise ConfigError("short_window must be below long_window", where="short_window",
                              remedy="choose a shorter one")

class Waiting:
    def __init__(self, config, instruments):
        self.config = config

    def requirements(self):
        return Requirements(warmup_bars=self.config.long_window + 1)

    def on_event(self, event, context):
        return ()

    def snapshot(self):
        return {{}}

    def restore(self, state):
        pass
"""

_Refused = Callable[..., str]


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a strategy, so that these tests need no other distribution."""
    folder = tmp_path / "installed"
    write_distribution(
        folder,
        "waiting",
        plugins={"waiting": "waiting_module"},
        modules={"waiting_module": _STRATEGY.format(name="waiting", module="waiting_module")},
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("waiting_module", None)


@pytest.fixture
def refused(waiting: None, capsys: pytest.CaptureFixture[str]) -> _Refused:
    """Return a function that runs a backtest, checks its exit code, and returns its one line."""

    def run(code: int, *words: str, strategy: str = "waiting") -> str:
        assert code == main(["backtest", "--strategy", strategy, *words])
        shown = capsys.readouterr()
        (line,) = shown.err.splitlines()
        assert "" == shown.out
        assert line.startswith("error: ")
        assert "Traceback" not in line
        return line

    return run


def _file(*lines: str, header: str = _HEADER, name: str = "bars.csv") -> str:
    Path(name).write_text(header + "".join(lines), encoding="utf-8")
    return name


def _on(file: str) -> tuple[str, ...]:
    return ("--data", file, "--symbols", "BTC-USD")


def test_missing_file_is_named(refused: _Refused) -> None:
    """The path is in the line."""
    assert "absent.csv" in refused(3, *_on("absent.csv"))


def test_empty_file_is_refused(refused: _Refused) -> None:
    """Nothing at all is not a market without trades."""
    assert "bars.csv" in refused(3, *_on(_file(header="")))


def test_header_without_rows_is_refused(refused: _Refused) -> None:
    """A header is not data."""
    assert "bars.csv" in refused(3, *_on(_file()))


def test_wrong_columns_are_named(refused: _Refused) -> None:
    """The line says which are missing."""
    line = refused(3, *_on(_file("2024-01-01,1,2\n", header="time,open,high\n")))

    assert "bars.csv" in line
    assert "close" in line


@pytest.mark.parametrize(
    ("rows", "line_number", "option"),
    [
        ([_ROWS[0], _ROWS[2], _ROWS[1]], 4, "unsorted"),
        ([_ROWS[0], _ROWS[1], _ROWS[1]], 4, "duplicates"),
        ([_ROWS[0], "2024-01-01T00:01:00Z,10,11,9,NaN,1\n"], 3, "nan"),
        ([_ROWS[0], "2024-01-01T00:01:00Z,10,11,-9,10,1\n"], 3, "non-positive"),
        ([_ROWS[0], "2024-01-01T00:01:00Z,10,8,9,10,1\n"], 3, "bad-ranges"),
    ],
)
def test_flawed_row_is_named_with_the_option_that_accepts_it(
    refused: _Refused, rows: list[str], line_number: int, option: str
) -> None:
    """File, line, cause, and how to go on all the same."""
    line = refused(3, *_on(_file(*rows, *_ROWS[3:])))

    assert f"bars.csv:{line_number}: " in line
    assert option in line


@pytest.mark.parametrize("row", ["2024-01-01T00:01:00Z,10,11\n", "noon,1,1,1,1,1\n"])
def test_unreadable_row_is_named(refused: _Refused, row: str) -> None:
    """File and line."""
    assert "bars.csv:3: " in refused(3, *_on(_file(_ROWS[0], row, *_ROWS[2:])))


def test_unknown_strategy_suggests_the_nearest(refused: _Refused) -> None:
    """Exit code 4, and the names that are installed."""
    line = refused(4, *_on(_file(*_ROWS)), strategy="waitingg")

    assert "no strategy is named 'waitingg'" in line
    assert "did you mean 'waiting'?" in line


def test_wrong_parameters_name_the_flag(refused: _Refused) -> None:
    """The strategy's own rule, told as the flag that was typed."""
    line = refused(4, *_on(_file(*_ROWS)), "--short-window", "20", "--long-window", "20")

    assert "error: --short-window: short_window must be below long_window" in line
    assert "(choose a shorter one)" in line


def test_wrong_parameter_of_a_file_names_file_and_key(refused: _Refused) -> None:
    """The same rule, told as the key that was written."""
    Path("run.toml").write_text('[strategy]\nkind = "waiting"\nshort_window = 0\n')

    line = refused(4, "--config", "run.toml", *_on(_file(*_ROWS)))

    assert "run.toml: strategy.short_window: short_window must be at least 1, not 0" in line


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("[backtest]\nfee_bsp = 5\n", "run.toml: backtest.fee_bsp", "did you mean 'fee_bps'?"),
        ("[backtest]\nlong_window = 5\n", "run.toml: backtest.long_window", "[strategy]"),
        ("[strategy]\nkind = 'waiting'\nseed = 5\n", "run.toml: strategy.seed", "[backtest]"),
        ("[strategy]\nkind = 'waiting'\nlong = 5\n", "run.toml: strategy.long", "long_window"),
    ],
)
def test_unknown_option_of_a_file_is_refused(
    refused: _Refused, text: str, place: str, hint: str
) -> None:
    """File and key, with the nearest key or the table it belongs to."""
    Path("run.toml").write_text(text)

    line = refused(4, "--config", "run.toml", *_on(_file(*_ROWS)))

    assert f"{place}: unknown option" in line
    assert hint in line


def test_too_few_bars_for_the_strategy(refused: _Refused) -> None:
    """How many are needed and how many there are."""
    line = refused(3, *_on(_file(*_ROWS[:20])))

    assert "21" in line
    assert "20" in line


def test_output_directory_that_is_a_file(refused: _Refused) -> None:
    """Exit code 2, before anything is traded."""
    Path("taken").write_text("")

    line = refused(2, *_on(_file(*_ROWS)), "--output-dir", "taken")

    assert "taken" in line
    assert "--output-dir" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "there are no bars"),
        (("--synthetic", "--data", "x.csv"), "data and synthetic exclude each other"),
        (("--data", "x.csv"), "it is not said what the bars are of"),
        (("--data", "A=x.csv", "--symbols", "B"), "there is no file for 'B'"),
        (("--data", "x.csv", "--data", "y.csv"), "write each as SYMBOL=FILE"),
        (("--data", "A=x.csv", "--data", "A=y.csv"), "two files for 'A'"),
        (("--synthetic", "--duration", "long"), "--duration"),
        (("--synthetic", "--duration", "30s"), "must last for one bar of 1m at least"),
        (("--synthetic", "--market", "cointegrated"), "this market has 2 instruments"),
        (("--synthetic", "--interval", "1M"), "--interval"),
        (("--synthetic", "--from", "2024-01-02", "--to", "2024-01-01"), "to must be after from"),
        (("--synthetic", "--initial-capital", "0"), "initial_capital must be positive"),
        (("--synthetic", "--slippage-bps", "10000"), "slippage_bps must be below 10000"),
        (("--synthetic", "--fee-bps", "-1"), "--fee-bps: fee_bps must be zero or more"),
        (("--synthetic", "--exit", "stop-lost:loss=1"), "did you mean 'stop-loss'?"),
        (("--synthetic", "--exit", "stop-loss:los=1"), "did you mean 'loss'?"),
        (("--synthetic", "--exit", "any-of"), "must be a list of policies"),
        (("--synthetic", "--instruments", "absent.toml"), "absent.toml: cannot be read"),
    ],
)
def test_contradiction_is_a_configuration_error(
    refused: _Refused, words: tuple[str, ...], message: str
) -> None:
    """Exit code 4 and what to change."""
    assert message in refused(4, *words)


def test_too_many_symbols_are_refused(refused: _Refused) -> None:
    """The strategy says how many it trades."""
    line = refused(3, "--synthetic", "--symbols", "A-USD,B-USD")

    assert "strategy 'waiting' trades 1 instrument, not 2" in line


def test_unknown_flag_is_a_usage_error(refused: _Refused) -> None:
    """Exit code 2 and the nearest flag."""
    line = refused(2, "--synthetic", "--short-windw", "3")

    assert "--short-window" in line


def test_flag_of_the_wrong_type_is_a_usage_error(refused: _Refused) -> None:
    """Exit code 2 and the flag."""
    assert "'--short-window'" in refused(2, "--synthetic", "--short-window", "x")


def test_no_strategy_lists_what_there_is(waiting: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and what is installed."""
    assert 2 == main(["backtest", "--synthetic"])

    line = capsys.readouterr().err
    assert "which strategy?" in line
    assert "waiting" in line


def test_unknown_venue_is_refused(refused: _Refused) -> None:
    """A venue is a plugin, and may not be installed."""
    line = refused(4, "--exchange", "karken")

    assert "no venue is named 'karken'" in line
    assert "did you mean 'kraken'?" in line


_VENUE = """
from algopioneer_core.domain.capabilities import FillReporting, IdempotentSubmit
from algopioneer_core.plugins import Capabilities, Capability, StrategySpec, Support, VenueSpec
from algopioneer_core.plugins import hookimpl

CAN = Capabilities(support={Capability.MARKET_ORDERS: Support.NATIVE}, absence_after_ns=1,
                   idempotent_submit=IdempotentSubmit.ALWAYS, fill_reporting=FillReporting.SINGLE)

@hookimpl
def algopioneer_venues():
    return [
        VenueSpec(name="closed", summary="s", factory="a:b", capabilities=CAN, available=False,
                  unavailable_reason="its adapter is not written."),
        VenueSpec(name="ready", summary="s", factory="a:b", capabilities=CAN),
    ]

@hookimpl
def algopioneer_strategies():
    return [StrategySpec(name="shorter", summary="s", factory="a:b",
                         requires=(Capability.MARKET_ORDERS, Capability.SHORT_SELLING))]
"""


@pytest.mark.parametrize(
    ("code", "strategy", "venue", "message"),
    [
        (5, "waiting", "closed", "venue 'closed' cannot be used: its adapter is not written ("),
        (3, "shorter", "ready", "strategy 'shorter' needs short-selling, which venue 'ready'"),
    ],
)
def test_venue_that_cannot_serve_is_refused(
    refused: _Refused,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    strategy: str,
    venue: str,
    message: str,
) -> None:
    """A venue is asked for its capabilities first, then whether it can be used."""
    folder = write_distribution(
        tmp_path / "venues", "venues", plugins={"venues": "venues_x"}, modules={"venues_x": _VENUE}
    )
    monkeypatch.syspath_prepend(str(folder))

    assert message in refused(code, "--exchange", venue, strategy=strategy)

    sys.modules.pop("venues_x")


def test_two_plugins_with_one_name_stop_the_run(
    refused: _Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not be clear which code trades."""
    for name in ("one", "two"):
        folder = write_distribution(
            tmp_path / name, name, plugins={"twin": f"{name}_twin"}, modules={f"{name}_twin": ""}
        )
        monkeypatch.syspath_prepend(str(folder))

    assert "'twin' is claimed by one 1.0 and two 1.0" in refused(4, "--synthetic")


def test_broken_plugin_that_is_needed_stops_the_run(
    refused: _Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason why the strategy is not there is in the line."""
    folder = write_distribution(
        tmp_path / "broken",
        "broken-ideas",
        plugins={"ideas": "broken_ideas"},
        modules={"broken_ideas": "raise RuntimeError('no licence file')"},
    )
    monkeypatch.syspath_prepend(str(folder))

    line = refused(4, "--synthetic", strategy="zzz")

    assert "plugin 'ideas' (broken-ideas 1.0)" in line
    assert "no licence file" in line
