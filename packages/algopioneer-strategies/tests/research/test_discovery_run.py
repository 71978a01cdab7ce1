import csv
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from algopioneer_core.cli.errors import run
from algopioneer_core.config.pairs_config import read_pairs
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError, OutputError
from algopioneer_core.settings import settings_of
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.command import discover_pairs
from algopioneer_strategies.research.discovery_run import (
    DiscoveryRun,
    print_discovery,
    run_discovery,
)
from algopioneer_strategies.research.experiments import ExperimentKind
from algopioneer_strategies.research.ledger import ExperimentLedger, verify_ledger
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.pairs_output import evaluation_values, pairs_text, write_file
from algopioneer_strategies.research.search import FoundPair, trading_of
from algopioneer_strategies.research.trading_options import TradingOptions

BARS = 700
HOUR_S = 3600
GRID: dict[str, Any] = {
    "windows": "20,40",
    "entries": "1.5,2",
    "exits": "0,0.5",
    "hedges": "fitted,ols",
}


def write_universe(path: Path, *, planted: bool = True) -> Path:
    """Write hourly closes of four symbols, of which two belong together where *planted*."""
    random = np.random.Generator(np.random.PCG64(4 if planted else 9))
    logs = 4.0 + np.cumsum(0.01 * random.standard_normal((4, BARS)), axis=1)
    if planted:
        spread, steps = np.zeros(BARS), 0.012 * random.standard_normal(BARS)
        for bar in range(1, BARS):
            spread[bar] = 0.8 * spread[bar - 1] + steps[bar]
        logs[1] = 1.0 + 0.8 * logs[0] + spread
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "AAA", "<B&B>", "CCC", "DDD"])
        for bar in range(BARS):
            prices = [f"{np.exp(log):.4f}" for log in logs[:, bar]]
            rows.writerow([1_600_000_000 + bar * HOUR_S, *prices])
    return path


@pytest.fixture(scope="session")
def discovered(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One search of a universe with one planted pair, and the folder it wrote to."""
    folder = tmp_path_factory.mktemp("discovered")
    data = write_universe(folder / "universe.csv")
    trading = TradingOptions(
        **GRID,
        output=str(folder / "pairs.json"),
        report=str(folder / "report.html"),
        ledger=str(folder / "ledger.sqlite"),
    )
    options = DiscoveryOptions(data=(str(data),))
    found = run_discovery(options, trading, screen_only=False, ts_ns=10**18)
    return SimpleNamespace(run=found, folder=folder, options=options, trading=trading)


def test_the_planted_pair_is_found_traded_and_written(discovered: Any) -> None:
    """One pair of six, with a gain on bars that neither screen nor choice has seen."""
    found: DiscoveryRun = discovered.run
    assert found.discovery.split == 490
    assert found.written == 1
    assert found.found is not None
    (pair,) = found.found
    assert {pair.screened.leg1, pair.screened.leg2} == {"AAA", "<B&B>"}
    evaluation = pair.evaluation
    assert pair.refusal is None
    assert evaluation.confirmed.ts_ns[0] == found.discovery.closes.times_ns[490]
    assert len(evaluation.confirmed.equity) == 210
    assert evaluation.confirmed.final_capital > 10_000
    assert float(evaluation.confirmed.final_capital) / 10_000 == pytest.approx(
        evaluation.walk.equity[-1], rel=1e-6
    )
    assert len(evaluation.confirmed.first_leg) == evaluation.walk.trades > 5
    # The last bar of a window decides nothing.
    assert int(np.isnan(evaluation.confirmed.z).sum()) == len(evaluation.walk.folds)
    odds = evaluation.honesty
    assert odds.trials == 16
    assert 1 <= odds.effective <= 16
    assert odds.by_recorded is not None
    assert odds.by_effective is not None
    assert odds.by_effective.by_luck <= odds.by_recorded.by_luck
    assert odds.overfitting is not None


def test_portfolio_reads_what_was_written(discovered: Any) -> None:
    """With the hedge ratio, the levels, the interval, and half of the capital for each leg."""
    (strategy,) = read_pairs(discovered.folder / "pairs.json").strategies
    parameters = discovered.run.found[0].evaluation.parameters
    assert strategy["kind"] == "pairs"
    assert set(strategy["instruments"]) == {"AAA", "<B&B>"}
    assert strategy["capital"] == 10_000
    assert strategy["interval"] == "1h"
    assert strategy["window"] == parameters.window
    assert (strategy["z_entry"], strategy["z_exit"]) == (parameters.z_entry, parameters.z_exit)
    assert strategy["hedge"] == parameters.hedge.value
    assert strategy.get("beta", 1) == parameters.beta


def read_back(found: Sequence[FoundPair], trading: TradingOptions) -> PairsConfig:
    """Return how `portfolio` trades the one pair of a file; its size is the portfolio's."""
    path = Path("read-back.json")
    path.write_text(pairs_text(found, trading), "utf-8")
    (table,) = read_pairs(path).strategies
    keys = {setting.key for setting in settings_of(PairsConfig)}
    values = {key: value for key, value in table.items() if key in keys}
    return evolve(Settings("strategy", values).make(PairsConfig), notional=None)


def test_a_kalman_pair_is_traded_as_it_was_found(discovered: Any) -> None:
    """The filter begins where it began in the search, with the same noises."""
    trading = TradingOptions(**{**GRID, "hedges": "kalman", "entries": "0.3,0.5", "exits": "0"})
    found = run_discovery(discovered.options, trading, screen_only=False, ts_ns=10**18).found
    assert found is not None
    assert found[0].refusal is None
    parameters = found[0].evaluation.parameters
    assert parameters is not None
    assert parameters.hedge is HedgeMethod.KALMAN
    assert float(parameters.kalman_r) == pytest.approx(found[0].screened.deviation ** 2, rel=0.01)
    assert read_back(found, trading) == parameters
    kalman = {"beta": "0.7", "kalman_q": "0.00002", "kalman_r": "0.5", "kalman_variance": "3"}
    noises: dict[str, Any] = {key: Decimal(text) for key, text in kalman.items()}
    odd = evolve(parameters, **noises)
    pair = evolve(found[0], evaluation=evolve(found[0].evaluation, parameters=odd))
    assert read_back([pair], trading) == odd
    assert kalman.items() <= evaluation_values(pair)["parameters"].items()


def test_every_try_is_in_the_ledger(discovered: Any) -> None:
    """Screen, grid, walk-forward and backtest; the report states the head they lead to."""
    path = discovered.folder / "ledger.sqlite"
    with ExperimentLedger(path) as ledger:
        rows = list(ledger.rows())
    assert [row.kind for row in rows] == ["screen", "grid", "walk_forward", "backtest"]
    assert [row.trials for row in rows] == [6, 16, 1, 1]
    assert len(json.loads(rows[1].result)["sharpe"]) == 16
    assert verify_ledger(path, contains=discovered.run.ledger_head).faults == []


class _Page(HTMLParser):
    """Collects what a page would load, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [str(value) for key, value in attrs if key in ("src", "href")]
        self.ids |= {str(value) for key, value in attrs if key == "id"}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_is_whole_and_loads_nothing(discovered: Any) -> None:
    """All charts, the honesty box, names escaped."""
    content = (discovered.folder / "report.html").read_text("utf-8")
    page = _Page()
    page.feed(content)
    assert page.loads == []
    assert {"pair0", "heat0"} <= page.ids
    text = " ".join(page.text)
    for wanted in (
        "Tests run: 6",
        "How far this can be trusted",
        "Deflated Sharpe ratio",
        "Probability of overfitting",
        "16 (",
        discovered.run.ledger_head,
        "AAA / <B&B>",
    ):
        assert wanted in text
    described = re.search(r"const figures = (\{.*?\});\n", content)
    assert described is not None
    assert "<" not in described[1]
    figures = json.loads(described[1])
    panels = [trace["yaxis"] for trace in figures["pair0"]["data"]]
    assert sorted(set(panels)) == ["y", "y2", "y3", "y4", "y5", "y6", "y7"]
    fills = next(trace for trace in figures["pair0"]["data"] if trace["name"] == "Fills")
    trades = len(discovered.run.found[0].evaluation.confirmed.first_leg)
    assert len(fills["x"]) == len(fills["y"]) == 2 * trades
    p_values = next(t for t in figures["pair0"]["data"] if t["name"] == "p-value")
    assert max(p_values["y"]) < 0.5
    (heat,) = figures["heat0"]["data"]
    assert (heat["x"], heat["y"]) == (["1.5", "2"], ["20", "40"])


def test_a_second_search_counts_the_first(discovered: Any) -> None:
    """Trials of other parameters on the same bars add up."""
    copy = Path("ledger.sqlite")
    copy.write_bytes(Path(discovered.trading.ledger).read_bytes())
    wider = TradingOptions(**{**GRID, "entries": "1.5,2,2.5", "hedges": "fitted"}, ledger=str(copy))
    found = run_discovery(discovered.options, wider, screen_only=False, ts_ns=2 * 10**18)
    assert found.found is not None
    assert found.found[0].evaluation.honesty.trials == 16 + 12


def test_no_pair_survives_and_that_is_a_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0, an empty list, a report that says so."""
    data = write_universe(tmp_path / "walks.csv", planted=False)
    assert run(discover_pairs, ["--data", str(data), "--fdr", "0.0001"]) == 0
    assert "pairs written to discovered_pairs.json: 0" in capsys.readouterr().out
    assert json.loads(Path("discovered_pairs.json").read_text("utf-8")) == []
    assert "No pair survives." in Path("report.html").read_text("utf-8")


@pytest.fixture
def said(
    discovered: Any, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command over the universe, with a small grid."""

    def ask(*words: str) -> tuple[int, str, str]:
        grid = [word for key, value in GRID.items() for word in (f"--{key}", value)]
        data = ["--data", str(discovered.folder / "universe.csv")]
        code = run(discover_pairs, [*data, *grid, *words])
        return (code, *capsys.readouterr())

    return ask


def test_the_command_says_it_as_json(said: Callable[..., tuple[int, str, str]]) -> None:
    """The keys of the screen, and an evaluation for each survivor."""
    code, out, _ = said("--json", "--min-sharpe", "1000")
    values = json.loads(out)
    assert code == 0
    assert (values["tests"], values["survivors"], values["written"]) == (6, 1, 0)
    assert values["held_out"]["bars"] == 210
    (evaluation,) = values["evaluations"]
    assert "below 1000" in evaluation["refusal"]
    assert evaluation["out_of_sample"]["bars"] == 210
    assert evaluation["honesty"]["trials"] == 16
    assert Path("report.html").exists()


def test_a_search_is_told_in_lines(discovered: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Out of sample first, then what it cost to find."""
    print_discovery(discovered.run, as_json=False)
    out = capsys.readouterr().out
    assert re.search(r"B&B>.* out of sample: return [\d.]+ %, Sharpe ratio", out)
    assert re.search(r"trials 16 \(\d+ different\), deflated Sharpe ratio 0\.\d\d", out)
    assert f"chain head {discovered.run.ledger_head}" in out


def test_a_screen_alone_writes_nothing_but_the_ledger(
    said: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """And sees every bar."""
    code, out, _ = said("--screen-only", "--json")
    assert code == 0
    assert json.loads(out)["universe"]["bars"] == BARS
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["experiments.sqlite"]
    with ExperimentLedger(Path("experiments.sqlite")) as ledger:
        assert [row.kind for row in ledger.rows()] == [ExperimentKind.SCREEN.value]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--windows", "20,x"), "'x' is no number"),
        (("--entries", "2,"), "'' is no number"),
        (("--exits", "nan"), "'nan' is no number"),
        (("--windows", "1"), "window"),
        (("--output", ""), "it is a folder"),
        (("--hedges", "kelman"), "'kelman' is no hedge that can be tried"),
        (("--formation", "600"), "do not fit into the 490 bars"),
        (("--windows", "489"), "needs 489 bars"),
        (("--output", "no-folder/pairs.json"), "cannot write here"),
        (("--ledger", "no-folder/x.sqlite"), "cannot be used"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    said: Callable[..., tuple[int, str, str]], words: tuple[str, str], message: str
) -> None:
    """No traceback, and a remedy where there is one."""
    code, _, err = said(*words)
    assert code != 0
    assert message in err
    assert "Traceback" not in err


def test_options_make_the_grid_and_the_market() -> None:
    """Basis points become fractions, words become cells."""
    plan = trading_of(TradingOptions(fee_bps=Decimal(12), slippage_bps=Decimal(0), hedges="fixed"))
    assert plan.market.fee == Decimal("0.0012")
    assert plan.market.slippage == 0
    assert len(plan.spec.cells) == 4 * 6 * 4
    twice = trading_of(TradingOptions(windows="20,40,20", entries="2", exits="0", hedges="fixed"))
    assert [cell.window for cell in twice.spec.cells] == [20, 40]
    with pytest.raises(ConfigError, match="holdout"):
        TradingOptions(holdout=Decimal(1))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What was there before stays when the new one cannot be put in its place."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError):
        write_file(tmp_path / "folder", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
