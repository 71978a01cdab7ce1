"""A search that is interrupted among its pairs goes on where it stopped."""

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from algopioneer_core.domain.errors import OutputError
from algopioneer_core.simulation.config import FillTiming
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research import screen, search
from algopioneer_strategies.research.cointegration import PairTests, engle_granger
from algopioneer_strategies.research.discovery_run import DiscoveryRun, run_discovery
from algopioneer_strategies.research.evaluation import PairTask, PairTrial, split_rule, try_pair
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.ledger import ExperimentLedger
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.pair_state import PairState
from algopioneer_strategies.research.processes import LocalProcesses, OneByOne
from algopioneer_strategies.research.search_log import SearchLog
from algopioneer_strategies.research.trading_options import TradingOptions
from algopioneer_strategies.research.universe import AlignedCloses

BARS = 400
DRAWS = np.arange(400.0).reshape(2, 200) ** 2
HEDGES = (HedgeMethod.FITTED, HedgeMethod.OLS, HedgeMethod.KALMAN)


def write_three_pairs(path: Path) -> Path:
    """Write hourly closes of six symbols, two and two of which belong together."""
    random = np.random.Generator(np.random.PCG64(3))
    logs = 4.0 + np.cumsum(0.01 * random.standard_normal((6, BARS)), axis=1)
    for first in (0, 2, 4):
        spread, steps = np.zeros(BARS), 0.012 * random.standard_normal(BARS)
        for bar in range(1, BARS):
            spread[bar] = 0.8 * spread[bar - 1] + steps[bar]
        logs[first + 1] = 1.0 + 0.8 * logs[first] + spread
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", *"ABCDEF"])
        for bar in range(BARS):
            rows.writerow([1_600_000_000 + bar * 3600, *np.exp(logs[:, bar]).round(4)])
    return path


def searched(folder: Path) -> DiscoveryRun:
    """Search the three pairs; what is written lies in *folder*."""
    folder.mkdir(exist_ok=True)
    trading = TradingOptions(
        windows="20",
        entries="1.5,2",
        exits="0",
        output=str(folder / "pairs.json"),
        report=str(folder / "report.html"),
        ledger=str(folder / "ledger.sqlite"),
    )
    options = DiscoveryOptions(
        data=("closes.csv",), fdr=Decimal("0.1"), max_pairs=3, state=str(folder / "state")
    )
    return run_discovery(options, trading, screen_only=False, ts_ns=10**18)


class Counted:
    """Tries pairs, and types Ctrl-C before one of them."""

    def __init__(self, interrupted_at: int | None = None) -> None:
        self.tried = 0
        self._interrupted_at = interrupted_at

    def __call__(self, task: PairTask) -> PairTrial:
        if self.tried == self._interrupted_at:
            raise KeyboardInterrupt
        self.tried += 1
        return try_pair(task)


@pytest.mark.slow
def test_a_search_goes_on_after_the_first_of_three_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No pair is tried twice, no test is made twice, and all that is written is the same."""
    write_three_pairs(Path("closes.csv"))
    whole = searched(Path("whole"))
    monkeypatch.setattr(search, "try_pair", Counted(interrupted_at=1))
    with pytest.raises(KeyboardInterrupt):
        searched(Path("parted"))
    assert {"ledger.sqlite", "state", "state.pairs"} == {p.name for p in Path("parted").iterdir()}
    with ExperimentLedger(Path("parted/ledger.sqlite")) as ledger:
        assert ["screen", "grid", "walk_forward", "backtest"] == [r.kind for r in ledger.rows()]

    counted = Counted()
    monkeypatch.setattr(search, "try_pair", counted)
    left: list[int] = []

    def tested(*asked: Any, into: PairTests, **options: Any) -> PairTests:
        left.append(int((~into.done).sum()))
        return engle_granger(*asked, into=into, **options)

    monkeypatch.setattr(screen, "engle_granger", tested)
    parted = searched(Path("parted"))
    assert 0 == left[0]  # of the universe; the report makes its own, bar by bar
    assert 2 == counted.tried
    assert whole.ledger_head == parted.ledger_head  # entries, results, order: all of it
    with ExperimentLedger(Path("parted/ledger.sqlite")) as ledger:
        assert 10 == len(list(ledger.rows()))
    assert whole.found is not None
    assert parted.found is not None
    assert [12, 12, 12] == [each.evaluation.honesty.trials for each in parted.found]
    for name in ("pairs.json", "report.html"):
        assert Path("whole", name).read_text("utf-8") == Path("parted", name).read_text("utf-8")
    assert {"ledger.sqlite", "pairs.json", "report.html"} == {
        path.name for path in Path("parted").iterdir()
    }


@pytest.mark.parametrize(
    ("worth", "pairs", "runner"),
    [(0, 2, LocalProcesses), (0, 1, OneByOne), (10**9, 2, OneByOne)],
)
def test_only_a_search_that_is_worth_it_starts_processes(
    monkeypatch: pytest.MonkeyPatch,
    task: Callable[..., PairTask],
    worth: int,
    pairs: int,
    runner: type,
) -> None:
    """A small universe does not pay for them."""
    monkeypatch.setattr(search, "_WORTH_PROCESSES", worth)
    assert isinstance(search._runner([task()] * pairs), runner)


def test_what_is_written_in_another_ledger_is_not_written_in_this(tmp_path: Path) -> None:
    """Who moves the ledger away in between has every try in the new one, and each once."""
    closes = AlignedCloses(("A", "B"), 1, np.arange(200), np.cumsum(np.sin(DRAWS), axis=1))
    found = screen.screen(closes, screen.ScreenRule())
    written: dict[str, str] = {}
    for name, rows in (("one", 1), ("one", 1), ("other", 1), ("other", 1)):
        with ExperimentLedger(tmp_path / name) as ledger:
            SearchLog(ledger, 10**18, "1.0", written).screen(found)
            assert rows == len(list(ledger.rows()))


@pytest.fixture
def task(made: Any) -> Callable[..., PairTask]:
    """Return a function that makes the task of a made-up pair."""

    def make(*, beta: float = 0.9, capital: int = 5000) -> PairTask:
        joint = made.pair(320, beta=beta)
        return PairTask(
            spec=GridSpec(
                windows=(15,),
                entries=(Decimal(1), Decimal("1.7")),
                exits=(Decimal(0),),
                hedges=tuple(PairsConfig(hedge=method) for method in HEDGES),
            ),
            joint=joint,
            market=GridMarket(fill=FillTiming.NEXT_CLOSE),
            rule=split_rule(len(joint), 200, half_life=6.2),
            split=200,
            capital=Decimal(capital),
        )

    return make


@pytest.mark.parametrize("beta", [0.9, -1.0])
def test_a_trial_comes_back_to_the_last_bit(
    task: Callable[..., PairTask], tmp_path: Path, beta: float
) -> None:
    """Of a pair that was traded, and of one whose fitted hedge was refused."""
    this = task(beta=beta)
    kept = PairState(tmp_path / "state", "1.0")
    kept.add(this, try_pair(this))
    kept.keep()
    first = kept.path.read_bytes()
    again = PairState.read(kept.path, "1.0")
    found, before = again.trial(this), try_pair(this)
    assert found is not None
    assert before.walk.equity.tobytes() == found.walk.equity.tobytes()
    assert before.confirmed.first_leg == found.confirmed.first_leg
    assert before.confirmed.figures == found.confirmed.figures
    assert before.parameters == found.parameters
    again.add(this, found)
    again.keep()
    assert first == again.path.read_bytes()


def test_other_tasks_and_other_code_find_nothing(
    task: Callable[..., PairTask], tmp_path: Path
) -> None:
    """Other bars, other capital, another version; a file that is none, or that was changed."""
    this = task()
    kept = PairState(tmp_path / "state", "1.0")
    kept.add(this, try_pair(this))
    kept.keep()
    again = PairState.read(kept.path, "1.0")
    assert again.trial(this) is not None
    assert again.trial(task(beta=0.8)) is None
    assert again.trial(task(capital=6000)) is None
    assert PairState.read(kept.path, "1.1").trial(this) is None
    values = json.loads(kept.path.read_text("utf-8"))
    [trial] = values["trials"].values()
    del trial["walk"]
    kept.path.write_text(json.dumps(values), "utf-8")
    assert PairState.read(kept.path, "1.0").trial(this) is None
    for text in ("no json", "[]", '{"written": {}}'):
        kept.path.write_text(text, "utf-8")
        assert PairState.read(kept.path, "1.0").trial(this) is None


def test_nothing_tried_is_nothing_kept(tmp_path: Path) -> None:
    """An interruption before the first pair leaves no file."""
    PairState(tmp_path / "state", "1.0").keep()
    assert [] == list(tmp_path.iterdir())


def test_a_state_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """With the place and the remedy."""
    kept = PairState(tmp_path / "nowhere" / "state", "1.0", written={"a": "b"})
    with pytest.raises(OutputError, match="--state"):
        kept.keep()
