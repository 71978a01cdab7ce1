"""A look at a portfolio: searched, compared, written down, and acted on where asked to."""

import json
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest
from attrs import evolve

from algopioneer_core.cli.main import main
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.journal import lock
from algopioneer_core.journal.control import ControlBox
from algopioneer_strategies.research.autopilot import Look, earlier_looks, look
from algopioneer_strategies.research.autopilot_options import AutopilotOptions
from algopioneer_strategies.research.autopilot_report import print_look
from algopioneer_strategies.research.experiments import ExperimentKind, ExperimentRow
from algopioneer_strategies.research.ledger import ExperimentLedger
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.trading_options import TradingOptions

BARS: Final = 700
TRADING: Final = TradingOptions(
    windows="20",
    entries="1.5,2",
    exits="0",
    hedges="fitted",
    holdout=Decimal("0.4"),
    fee_bps=Decimal(2),
    slippage_bps=Decimal(1),
)
FLAGS: Final = (
    *("--windows", "20", "--entries", "1.5,2", "--exits", "0", "--hedges", "fitted"),
    *("--holdout", "0.4", "--fee-bps", "2", "--slippage-bps", "1"),
)
POOR: Final = {
    "spot_symbol": "CCC",
    "future_symbol": "DDD",
    "order_size": 500,
    "interval": "1h",
    "stop_loss_threshold": -20.5,
}
TURNED: Final = {**POOR, "spot_symbol": "DDD", "future_symbol": "CCC"}


def write_market(path: Path, bars: int = BARS) -> Path:
    """Write hourly closes: AAA and BBB belong together, and each step away from it pays."""
    random = np.random.Generator(np.random.PCG64(12))
    logs = 4.0 + np.cumsum(0.01 * random.standard_normal((4, BARS)), axis=1)
    spread, steps = np.zeros(BARS), 0.03 * random.standard_normal(BARS)
    for bar in range(1, BARS):
        spread[bar] = 0.8 * spread[bar - 1] + steps[bar]
    logs[1] = 1.0 + 0.8 * logs[0] + spread
    with path.open("w", encoding="utf-8") as file:
        print("time,AAA,BBB,CCC,DDD", file=file)
        for bar, row in enumerate(np.exp(logs[:, :bars]).T):
            print(
                1_600_000_000 + bar * 3600, *(f"{price:.4f}" for price in row), sep=",", file=file
            )
    return path


def write_pairs(*pairs: dict[str, Any]) -> str:
    """Write a portfolio and return its text."""
    text = json.dumps(list(pairs))
    Path("pairs.json").write_text(text, "utf-8")
    return text


def options(**settings: Any) -> AutopilotOptions:
    """Return the options of a look at that file."""
    return AutopilotOptions(portfolio="pairs.json", **settings)


def looked(data: Path, *, symbols: str = "AAA,BBB,CCC,DDD", **settings: Any) -> Look:
    """Look at that file."""
    search = DiscoveryOptions(data=(str(data),), symbols=tuple(symbols.split(",")))
    return look(options(**settings), search, TRADING, ts_ns=10**18)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Return the closes."""
    return write_market(tmp_path / "closes.csv")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    """Return the signals that a session got that holds the journal: this process; it answers."""
    heard: list[int] = []
    journal = tmp_path / "desk.journal"

    def hear(number: int, _: object) -> None:
        heard.append(number)
        (asked,) = box.pending()
        box.answer(asked.id, "done: AAA-BBB was added")

    before = signal.signal(signal.SIGHUP, hear)
    with lock.hold(journal), ControlBox(journal) as box:
        yield SimpleNamespace(journal=str(journal), heard=heard, box=box)
    signal.signal(signal.SIGHUP, before)


def test_a_dry_run_says_what_the_run_that_acts_then_does(
    market: Path, session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The better pair takes the place and what was set for it; the session is told, and why."""
    before = write_pairs(POOR)
    dry = looked(market, journal=session.journal)
    assert Path("pairs.json").read_text("utf-8") == before
    assert (dry.is_applied, dry.told, session.heard) == (False, None, [])

    done = looked(market, journal=session.journal, apply=True)
    assert (done.decisions, done.verdict, done.text) == (dry.decisions, dry.verdict, dry.text)
    (decision,) = done.decisions
    assert (decision.action.value, decision.pair) == ("replace", "CCC / DDD")
    assert decision.candidate == "AAA / BBB"
    (entry,) = json.loads(Path("pairs.json").read_text("utf-8"))
    assert (entry["spot_symbol"], entry["future_symbol"]) == ("AAA", "BBB")
    assert (entry["order_size"], entry["stop_loss_threshold"]) == (500, "-20.5")
    assert (entry["window_size"], entry["interval"], entry["on_remove"]) == (20, "1h", "drain")
    assert session.heard == [signal.SIGHUP]
    (note,) = session.box.pending()
    assert note.reason == f"autopilot: {decision}"
    with ExperimentLedger(Path("experiments.sqlite")) as ledger:
        rows = list(ledger.rows(kind=ExperimentKind.DECISION))
        assert ledger.head()[1] == done.ledger_head
    assert [json.loads(row.result)["is_applied"] for row in rows] == [False, True]
    assert json.loads(rows[1].result)["decisions"][0]["reason"] == decision.reason
    for told, journal, said in (
        (done.told, session.journal, "has read it again: AAA-BBB was added"),
        (None, None, "no session was told, for no --journal was named"),
        (None, "x.journal", "no session holds x.journal: the next one to start reads it"),
    ):
        print_look(evolve(done, told=told), options(journal=journal), as_json=False)
        assert said in capsys.readouterr().out


def test_what_is_kept_stays_word_for_word(market: Path, session: Any) -> None:
    """The good pair is traded already; cash takes the free place of nobody, but a note is left."""
    good = {**POOR, "spot_symbol": "BBB", "future_symbol": "AAA", "window_size": 33}
    before = write_pairs(good)
    found = looked(market, journal=session.journal, apply=True, places=2)
    assert [(each.pair, each.action.value) for each in found.decisions] == [("BBB / AAA", "keep")]
    assert (found.text, found.is_applied) == (None, False)
    assert Path("pairs.json").read_text("utf-8") == before
    assert session.heard == []
    assert "keep BBB / AAA" in session.box.pending()[0].reason


def test_a_free_place_is_filled_beside_what_cannot_be_judged(market: Path) -> None:
    """A leg without bars leaves its pair alone; the new one has the settings of the last."""
    write_pairs({**POOR, "future_symbol": "ZZZ"})
    found = looked(market, apply=True, places=2)
    kept, added = found.decisions
    assert (kept.action.value, kept.reason) == ("keep", "not judged: the search has no bars of ZZZ")
    assert (added.action.value, added.pair) == ("add", "AAA / BBB")
    first, second = json.loads(Path("pairs.json").read_text("utf-8"))
    assert (first["future_symbol"], first["order_size"]) == ("ZZZ", 500)
    assert (second["spot_symbol"], second["order_size"]) == ("AAA", 500)
    assert found.told is None


def test_bars_that_were_looked_at_before_have_no_say_again(market: Path, tmp_path: Path) -> None:
    """A look a day later may spend what that day is worth."""
    write_pairs(POOR)
    early = looked(write_market(tmp_path / "early.csv", BARS - 24))
    late = looked(market)
    assert (early.new_bars, early.bars) == (early.bars, 269)
    assert (late.new_bars, late.bars) == (24, 279)
    assert late.verdict.level == pytest.approx(0.04 * 24 / 279)


def test_other_looks_at_the_same_bars_count(market: Path) -> None:
    """Another question is another try; that the same look twice is one shows above."""
    write_pairs(POOR)
    first = looked(market)
    other = looked(market, places=2)
    assert first.verdict.trials == len(first.verdict.comparisons)
    assert other.verdict.trials == len(first.verdict.comparisons) + len(other.verdict.comparisons)


def _row(last_bar_ns: int, trials: int, pairs: str, subject: str = "pairs.json") -> ExperimentRow:
    result, parameters = json.dumps({"last_bar_ns": last_bar_ns}), json.dumps({"pairs": pairs})
    return ExperimentRow(1, 0, "decision", subject, "", "", trials, parameters, result, "")


def test_looks_of_the_ledger_are_counted_by_bar_and_portfolio() -> None:
    """The last bar before; other comparisons at this bar, each once."""
    rows = [
        _row(50, 9, "a"),
        _row(70, 9, "b"),
        _row(100, 5, "a"),
        _row(100, 5, "a"),
        _row(100, 7, "b"),
        _row(100, 3, "c", subject="other.json"),
    ]
    assert earlier_looks(rows, "pairs.json", 100, {"pairs": "b"}) == (70, 5)
    assert earlier_looks([], "pairs.json", 100, {"pairs": "b"}) == (-1, 0)


def _typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["autopilot", "--portfolio", "pairs.json", *words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_the_command_says_it_in_lines_and_in_json(
    market: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same decision, and that nothing was done."""
    write_pairs(POOR)
    code, out, err = _typed(capsys, "--data", str(market), *FLAGS)
    assert (code, err) == (0, "")
    assert "6 pairs tested" in out
    assert "  replace CCC / DDD by AAA / BBB: AAA / BBB gains +" in out
    assert "dry run: pairs.json stays as it is; --apply would change it" in out
    code, out, _ = _typed(capsys, "--data", str(market), *FLAGS, "--json", "--once")
    found = json.loads(out)
    assert (code, found["is_changed"], found["is_applied"]) == (0, True, False)
    assert found["decisions"][0]["candidate"] == "AAA / BBB"
    assert found["comparisons"][0]["p_value"] <= found["threshold"]


def test_on_a_schedule_a_failed_look_is_one_line_and_the_end_is_by_hand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no portfolio; who waits then presses Ctrl-C."""

    async def pressed(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anyio.sleep", pressed)
    code, _, err = _typed(capsys, "--data", "closes.csv", "--every", "1d")
    assert code == 130
    assert err.startswith("error: pairs.json: cannot be read")


@pytest.mark.parametrize(
    ("content", "words", "code", "message"),
    [
        (None, (), 4, "pairs.json: cannot be read"),
        ("[]", (), 4, "has no pairs"),
        ("{", (), 4, "is not valid JSON"),
        (
            json.dumps([POOR, {**POOR, "spot_symbol": "DDD", "future_symbol": "CCC"}]),
            (),
            4,
            "twice",
        ),
        (json.dumps([{**POOR, "interval": "1d"}]), (), 4, "search with --interval 1d"),
        ("[1]", (), 4, "is not a list of pairs"),
        (json.dumps([POOR]), ("--holdout", "0.1"), 3, "larger --holdout"),
        (json.dumps([POOR]), ("--level", "0.05"), 4, "level"),
        (json.dumps([POOR, {**POOR, "future_symbol": "AAA"}]), ("--places", "1"), 4, "2 pairs"),
        (json.dumps([POOR]), ("--every", "soon"), 4, "soon"),
        (json.dumps([POOR]), ("--every", "1d", "--once"), 2, "exclude each other"),
    ],
)
def test_bad_input_is_one_line(
    market: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    """With what is wrong and what to do; the file stays as it was."""
    if content is not None:
        Path("pairs.json").write_text(content, "utf-8")
    got, _, err = _typed(capsys, "--data", str(market), *FLAGS, "--apply", *words)
    assert (got, message in err) == (code, True), err
    assert code == 2 or err.count("\n") == 1
    if content is not None:
        assert Path("pairs.json").read_text("utf-8") == content


def test_more_pairs_than_places_are_refused() -> None:
    """Which of them to drop is not this rule's business."""
    write_pairs(POOR, {**POOR, "future_symbol": "AAA"})
    with pytest.raises(ConfigError, match=r"--places: there are 2 pairs, more than 1 places"):
        looked(Path("none.csv"), places=1)
