"""Behaviour of `algopioneer backtest` with a strategy of a stranger."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.testing.distributions import write_distribution

_STRATEGY = '''
from decimal import Decimal

from attrs import frozen
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import Requirements
from algopioneer_core.plugins import StrategySpec, hookimpl
from algopioneer_core.settings import at_least, option, positive


@hookimpl
def algopioneer_strategies():
    return [StrategySpec(name="holder", summary="Buys once, sells once.", aliases=("hold",),
                         factory="holder_module:Holder", config="holder_module:HolderConfig")]


@frozen(kw_only=True)
class HolderConfig:
    buy_at: int = option(0, help="Bar of the purchase.", unit="bars")
    bars: int = option(5, help="Bars until the sale.", unit="bars", validator=at_least(1))
    amount: Decimal = option(Decimal(2), help="What to buy.", validator=positive)
    interval: int = option(1, help="A word that backtest has too.")


class Holder:
    """Buys at one bar and sells some bars later."""

    def __init__(self, config, instruments):
        self.config, self.id, self.seen = config, instruments[0].id, 0

    def requirements(self):
        return Requirements()

    def on_event(self, event, context):
        if type(event) is not Bar:
            return ()
        self.seen += 1
        held = context.quantity(self.id)
        if self.seen == self.config.buy_at + 1:
            return [OrderIntent(instrument_id=self.id, side=Side.BUY, quantity=self.config.amount)]
        if held and self.seen == self.config.buy_at + 1 + self.config.bars:
            return [OrderIntent(instrument_id=self.id, side=Side.SELL, quantity=held,
                                reduce_only=True)]
        return ()

    def snapshot(self):
        return {"seen": self.seen}

    def restore(self, state):
        self.seen = state["seen"]
'''

_RUN = ("backtest", "--data", "bars.csv", "--symbols", "BTC-USD", "--slippage-bps", "0")
_HOLDER = ("--strategy", "holder")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the strategy and write thirty rising bars: bar i opens at 100 + i."""
    folder = tmp_path / "installed"
    write_distribution(
        folder,
        "holder",
        plugins={"holder": "holder_module"},
        modules={"holder_module": _STRATEGY},
    )
    rows = [
        f"2024-01-01T00:{i:02}:00Z,{100 + i}.00,{101 + i}.00,{99 + i}.00,{100 + i}.50,10\n"
        for i in range(30)
    ]
    (tmp_path / "bars.csv").write_text("time,open,high,low,close,volume\n" + "".join(rows))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("holder_module", None)


def _results(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert 0 == main([*_RUN, "--json", *words]), capsys.readouterr().err
    shown = capsys.readouterr()
    assert "" == shown.err
    results: dict[str, Any] = json.loads(shown.out)
    return results


def test_json_is_the_whole_of_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Bought 2 at the open of bar 1 (101), sold at the open of bar 6 (106): 10 earned."""
    results = _results(capsys, *_HOLDER)

    assert ("holder", ["BTC-USD"], "1m", 30) == tuple(
        results[key] for key in ("strategy", "symbols", "interval", "bars")
    )
    assert "2024-01-01T00:01:00Z" == results["first_bar"]
    assert ("10000", "10010", "10") == tuple(
        results[key] for key in ("initial_capital", "final_capital", "net_profit")
    )
    assert (1, 100.0) == (results["total_trades"], results["win_rate_pct"])


def test_parameters_are_flags(capsys: pytest.CaptureFixture[str]) -> None:
    """The class of a stranger decides what can be set."""
    results = _results(capsys, *_HOLDER, "--buy-at", "2", "--bars", "3", "--amount", "0.10")

    assert {"buy_at": 2, "bars": 3, "amount": "0.1", "interval": 1} == results["parameters"]
    assert "0.3" == results["net_profit"]


def test_parameter_that_backtest_has_too_gets_a_prefix(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both can be given."""
    results = _results(capsys, *_HOLDER, "--interval", "1m", "--strategy-interval", "4")

    assert ("1m", 4) == (results["interval"], results["parameters"]["interval"])


def test_strategy_has_aliases(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer has the real name."""
    assert "holder" == _results(capsys, "--strategy=hold")["strategy"]


def test_costs_are_basis_points(capsys: pytest.CaptureFixture[str]) -> None:
    """100 bps of 202 and of 212, to the cent."""
    results = _results(capsys, *_HOLDER, "--fee-bps", "100")

    assert ("4.14", "5.86") == (results["fees_paid"], results["net_profit"])


def test_taker_fee_wins_over_the_general_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Market orders take."""
    words = ("--fee-bps", "100", "--taker-fee-bps", "0", "--maker-fee-bps", "7")

    assert "0" == _results(capsys, *_HOLDER, *words)["fees_paid"]


def test_default_slippage_is_five_basis_points(capsys: pytest.CaptureFixture[str]) -> None:
    """Stated in the answer."""
    assert 0 == main(["backtest", *_HOLDER, "--data", "bars.csv", "--symbols", "X", "--json"])

    assert "5" == json.loads(capsys.readouterr().out)["costs"]["slippage_bps"]


def test_file_has_the_same_keys_and_flags_win(capsys: pytest.CaptureFixture[str]) -> None:
    """The strategy, its parameters and the options come from the file, one of them from a flag."""
    Path("run.toml").write_text(
        '[backtest]\nfee_bps = 100\nsymbols = "ETH-USD"\n'
        '[strategy]\nkind = "holder"\nbars = 3\namount = 0.5\n'
    )

    results = _results(capsys, "--config", "run.toml", "--bars", "4")

    assert {"buy_at": 0, "bars": 4, "amount": "0.5", "interval": 1} == results["parameters"]
    assert "100" == results["costs"]["taker_fee_bps"]
    assert ["BTC-USD"] == results["symbols"]


def test_exit_policy_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """A time stop of two bars leaves at the open of the third bar after."""
    results = _results(capsys, *_HOLDER, "--exit", "time-stop:bars=2")

    assert "4" == results["net_profit"]


def test_exit_policies_of_a_file_may_be_nested(capsys: pytest.CaptureFixture[str]) -> None:
    """Any of two: the quicker one leaves."""
    Path("run.toml").write_text(
        '[[exit]]\nkind = "any-of"\n[[exit.policies]]\nkind = "time-stop"\nbars = 4\n'
        '[[exit.policies]]\nkind = "pnl-band"\ntake_profit = 5\n'
    )

    results = _results(capsys, *_HOLDER, "--config", "run.toml")

    assert "6" == results["net_profit"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('policies = "stop-loss"', "exit[0].policies: must be a list of policies"),
        ("policies = [{ bars = 2 }]", "exit[0].policies[0]: needs a kind"),
        ('policies = [{ kind = "time-stop", bar = 2 }]', "policies[0].bar: unknown option 'bar'"),
        ("loss = 5", "exit[0].loss: unknown option 'loss'"),
    ],
)
def test_wrong_nested_policy_is_named(
    text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The path goes as deep as the mistake."""
    Path("run.toml").write_text(f'[[exit]]\nkind = "any-of"\n{text}\n')

    assert 4 == main([*_RUN, *_HOLDER, "--config", "run.toml"])

    line = capsys.readouterr().err
    assert "run.toml" in line
    assert message in line


def test_range_is_half_open_on_close_times(capsys: pytest.CaptureFixture[str]) -> None:
    """From the bar that closes at 00:05 to before the one that closes at 00:20."""
    words = ("--from", "2024-01-01T00:05Z", "--to", "2024-01-01T00:20Z")

    results = _results(capsys, *_HOLDER, *words)

    assert 15 == results["bars"]
    assert ("2024-01-01T00:05:00Z", "2024-01-01T00:19:00Z") == (
        results["first_bar"],
        results["last_bar"],
    )


def test_stamp_of_the_file_can_be_the_close(capsys: pytest.CaptureFixture[str]) -> None:
    """The same file, one interval earlier."""
    results = _results(capsys, *_HOLDER, "--stamp", "close")

    assert "2024-01-01T00:00:00Z" == results["first_bar"]
    assert "close" == results["data"]["stamp"]


def test_fault_is_accepted_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """What was refused without the option is read with it."""
    text = Path("bars.csv").read_text()
    Path("bars.csv").write_text(text + text.splitlines()[-1] + "\n")

    assert 3 == main([*_RUN, *_HOLDER])
    capsys.readouterr()

    assert 30 == _results(capsys, *_HOLDER, "--accept", "duplicates")["bars"]


def test_instruments_file_states_fees_and_flags_win(capsys: pytest.CaptureFixture[str]) -> None:
    """The file's fee applies, and is said; a stated fee replaces it, even if it is 0."""
    Path("instruments.toml").write_text('["BTC-USD"]\ntaker_fee_bps = 100\nmaker_fee_bps = 0\n')
    words = (*_HOLDER, "--instruments", "instruments.toml")

    own, stated = _results(capsys, *words), _results(capsys, *words, "--fee-bps", "0")

    assert ("4.14", "0") == (own["fees_paid"], stated["fees_paid"])
    assert ("100", "0") == (own["costs"]["taker_fee_bps"], stated["costs"]["taker_fee_bps"])


def test_file_for_each_symbol(capsys: pytest.CaptureFixture[str]) -> None:
    """The symbol before the file needs no second flag."""
    assert 0 == main(["backtest", *_HOLDER, "--data", "ABC=bars.csv", "--json"])

    assert ["ABC"] == json.loads(capsys.readouterr().out)["symbols"]


def test_file_name_with_an_equals_sign_is_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """What exists is meant."""
    Path("bars.csv").rename("a=b.csv")

    assert 0 == main(["backtest", *_HOLDER, "--data", "a=b.csv", "--symbols", "ABC", "--json"])


def test_gaps_are_noted(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader of the figures must know."""
    lines = Path("bars.csv").read_text().splitlines(keepends=True)
    Path("bars.csv").write_text("".join(lines[:20] + lines[23:]))

    results = _results(capsys, *_HOLDER)

    assert (1, 3) == (results["data"]["gaps"], results["data"]["missing_bars"])
    assert any("3 bars of 1m are missing in 1 gap" in note for note in results["notes"])


def _made_up(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert 0 == main(["backtest", *_HOLDER, "--synthetic", "--json", *words])
    results: dict[str, Any] = json.loads(capsys.readouterr().out)
    return results


def test_synthetic_market_follows_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    """The same words, the same figures; another seed, others."""
    first, again = (_made_up(capsys, "--duration", "60") for _ in range(2))
    other = _made_up(capsys, "--duration", "60", "--seed", "8")

    assert first == again
    assert first["final_capital"] != other["final_capital"]
    assert ("random-walk", 7, 60) == (
        first["data"]["market"],
        first["data"]["seed"],
        first["bars"],
    )


def test_synthetic_market_has_an_interval_and_a_beginning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An hour apart, from where it was told to where it was told."""
    results = _made_up(
        capsys, "--market", "mean-reverting", "--interval", "1h", "--from", "2024-03-01", "--to",
        "2024-03-02",
    )  # fmt: skip

    assert ("1h", 24, "2024-03-01T01:00:00Z", "2024-03-02T00:00:00Z") == tuple(
        results[key] for key in ("interval", "bars", "first_bar", "last_bar")
    )


def test_output_directory_gets_the_four_files(capsys: pytest.CaptureFixture[str]) -> None:
    """The printed results are the file's; the trade is a row; the page stands alone."""
    results = _results(capsys, *_HOLDER, "--output-dir", "new/place")

    folder = Path("new/place")
    names = {"equity.csv", "report.html", "results.json", "trades.csv"}
    assert names == {path.name for path in folder.iterdir()}
    assert results == json.loads((folder / "results.json").read_text())
    (trade,) = csv.DictReader((folder / "trades.csv").read_text().splitlines())
    assert ("101", "106", "10", "signal") == (
        trade["entry_price"],
        trade["exit_price"],
        trade["pnl"],
        trade["exit_reason"],
    )
    assert 31 == len((folder / "equity.csv").read_text().splitlines())


def test_nothing_is_written_without_output_directory(tmp_path: Path) -> None:
    """A backtest leaves no litter."""
    before = sorted(tmp_path.iterdir())

    assert 0 == main([*_RUN, *_HOLDER])

    assert before == sorted(tmp_path.iterdir())


def test_plain_output_has_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal it is text."""
    assert 0 == main([*_RUN, *_HOLDER])

    text = capsys.readouterr().out
    assert "holder on BTC-USD" in text
    assert "Trades: 1" in text


def test_help_names_the_parameters_of_the_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    """Once it is known which strategy."""
    assert 0 == main(["backtest", *_HOLDER, "--help"])

    text = capsys.readouterr().out
    assert "Strategy holder:" in text
    assert "--buy-at N" in text
    assert "--strategy-interval N" in text


def test_help_without_strategy_lists_what_is_installed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first question is which."""
    assert 0 == main(["backtest", "--help"])

    text = capsys.readouterr().out
    assert "--buy-at" not in text
    assert "Buys once, sells once." in text


def test_broken_plugin_that_is_not_needed_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error; the run goes on."""
    folder = write_distribution(
        tmp_path / "broken", "broken-x", plugins={"x": "broken_x"}, modules={"broken_x": "1/0"}
    )
    monkeypatch.syspath_prepend(str(folder))

    assert 0 == main([*_RUN, *_HOLDER, "--json"])

    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert "warning: plugin 'x' (broken-x 1.0): cannot be loaded: ZeroDivisionError" in line
    assert "holder" == json.loads(shown.out)["strategy"]


def test_plugins_can_be_limited_by_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    """What is not allowed is not there."""
    Path("run.toml").write_text('[plugins]\nallow = ["builtin"]\n')

    assert 4 == main([*_RUN, *_HOLDER, "--config", "run.toml"])

    assert "plugin 'holder' is installed but not allowed" in capsys.readouterr().err
