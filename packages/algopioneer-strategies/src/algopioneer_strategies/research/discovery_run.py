"""
The whole of `discover-pairs`: screen, grid, walk-forward, event engine, files, and what is said.

Everything that is decided is decided elsewhere; here is the order of it, and the paper.
"""

from collections.abc import Iterator
from pathlib import Path

import click
from attrs import frozen

from algopioneer_core.cli.kit import pace_progress, print_json
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.times import iso_utc
from algopioneer_strategies.research.discovery import Discovery, discover
from algopioneer_strategies.research.fingerprints import code_version
from algopioneer_strategies.research.ledger import ExperimentLedger
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.pair_state import PairState
from algopioneer_strategies.research.pairs_output import (
    check_place,
    evaluation_values,
    pairs_file,
    pairs_text,
    write_file,
)
from algopioneer_strategies.research.report import render_report
from algopioneer_strategies.research.screen_json import screen_values
from algopioneer_strategies.research.screen_state import ScreenState
from algopioneer_strategies.research.screen_text import print_screen
from algopioneer_strategies.research.search import (
    FoundPair,
    PairTrading,
    pair_tasks,
    trade_pairs,
    trading_of,
)
from algopioneer_strategies.research.search_log import SearchLog
from algopioneer_strategies.research.tiles import TileRunner, tile_runner
from algopioneer_strategies.research.trading_options import TradingOptions

__all__ = ["DiscoveryRun", "print_discovery", "run_discovery"]


@frozen(eq=False)
class DiscoveryRun:
    """What a whole search came to."""

    discovery: Discovery
    trading: TradingOptions
    found: tuple[FoundPair, ...] | None
    """By falling out-of-sample Sharpe ratio; None where it stopped after the screen."""
    ledger_head: str
    """Of the chain, after everything was written down."""

    @property
    def written(self) -> int:
        """Pairs in the file."""
        return len(pairs_file(self.found or (), self.trading))


def run_discovery(
    options: DiscoveryOptions, trading: TradingOptions, *, screen_only: bool, ts_ns: int
) -> DiscoveryRun:
    """
    Screen, trade the survivors, and write pairs, report and ledger.

    Where it is interrupted, pairs that were tried are kept beside the file of `options.state`; the
    same search goes on from there, adds to the ledger what it had not, and removes them.

    Args:
        options: What the screen is asked for.
        trading: How survivors are traded, and where to write.
        screen_only: Whether to stop after the screen; it then sees all bars, and only the ledger is
            written.
        ts_ns: The time, for the ledger.

    Raises:
        AlgopioneerError: Something is wrong or missing; says what, where and what to do. What was
            appended to the ledger stays there.
    """
    plan = trading_of(trading)
    holdout = ZERO if screen_only else trading.holdout
    if not screen_only:
        for place in (trading.output, trading.report):
            check_place(Path(place))
    with tile_runner(options.scheduler) as tiles:
        with pace_progress("pairs screened", unit="pairs") as progress:
            discovery = discover(options, holdout=holdout, watch=progress.watch, tiles=tiles)
        kept = PairState.read(Path(f"{options.state}.pairs"), code_version())
        with ExperimentLedger(Path(trading.ledger)) as ledger:
            log = SearchLog(ledger, ts_ns, kept.code, kept.written)
            log.screen(discovery.screen)
            found = None if screen_only else _traded(discovery, options, plan, log, kept, tiles)
            run = DiscoveryRun(discovery, trading, found, ledger.head()[1])
    if found is not None:
        _write(run, found, ts_ns)
    kept.forget()
    return run


def _traded(
    discovery: Discovery,
    options: DiscoveryOptions,
    plan: PairTrading,
    log: SearchLog,
    kept: PairState,
    tiles: TileRunner | None,
) -> tuple[FoundPair, ...]:
    """Return what trading the survivors came to; where it is interrupted, the screen is kept."""
    screen = discovery.screen
    survivors = screen.survivors[: options.max_pairs]
    tasks = pair_tasks(survivors, discovery.closes, plan, split=discovery.split)
    cells = tasks[0].cells if tasks else 0
    least = plan.options.min_sharpe
    try:
        with pace_progress("pairs tried", unit="cells", per_step=cells) as progress:
            found = trade_pairs(
                survivors,
                tasks,
                log,
                min_sharpe=least,
                kept=kept,
                watch=progress.watch,
                tiles=tiles,
            )
    except BaseException:  # Ctrl-C above all
        if screen.tests is not None:
            ScreenState(Path(options.state)).keep(screen.tests, screen.closes, screen.rule.lags)
        raise
    return tuple(found)


def _write(run: DiscoveryRun, found: tuple[FoundPair, ...], ts_ns: int) -> None:
    trading, discovery = run.trading, run.discovery
    write_file(Path(trading.output), pairs_text(found, trading))
    write_file(
        Path(trading.report), render_report(discovery, found, head=run.ledger_head, ts_ns=ts_ns)
    )


def print_discovery(run: DiscoveryRun, *, as_json: bool) -> None:
    """Print a table, or one JSON document."""
    found = run.discovery
    if as_json:
        print_json(screen_values(found) | _trading_values(run))
        return
    print_screen(found.screen, found.pairs, found.coverage)
    for line in _lines(run):
        click.echo(line)


def _trading_values(run: DiscoveryRun) -> dict[str, object]:
    if run.found is None:
        return {"ledger_head": run.ledger_head}
    first = run.discovery.split
    closes = run.discovery.closes
    return {
        "ledger_head": run.ledger_head,
        "held_out": {
            "bars": len(closes) - first,
            "first_bar": iso_utc(int(closes.times_ns[first])) if first < len(closes) else None,
        },
        "written": run.written,
        "output": run.trading.output,
        "report": run.trading.report,
        "evaluations": [
            {"leg1": each.screened.leg1, "leg2": each.screened.leg2, **evaluation_values(each)}
            for each in run.found
        ],
    }


def _lines(run: DiscoveryRun) -> Iterator[str]:
    if run.found is None:
        return
    for each in run.found:
        yield from _pair_lines(each)
    yield f"pairs written to {run.trading.output}: {run.written}; report: {run.trading.report}"
    yield f"ledger {run.trading.ledger}, chain head {run.ledger_head}"


def _pair_lines(each: FoundPair) -> Iterator[str]:
    evaluation, pair = each.evaluation, each.screened
    figures, odds = evaluation.confirmed.figures, evaluation.honesty
    yield (
        f"{pair.leg1} / {pair.leg2}, out of sample: return {figures.return_pct:.2f} %, "
        f"Sharpe ratio {_number(figures.sharpe_ratio)}, "
        f"largest drawdown {figures.drawdown.depth_pct:.2f} %, "
        f"trades {len(evaluation.confirmed.first_leg)}"
    )
    deflated = odds.by_recorded.deflated if odds.by_recorded else None
    yield (
        f"  trials {odds.trials} ({odds.effective} different), deflated Sharpe ratio "
        f"{_number(deflated)}, probability of overfitting {_number(odds.overfitting)}, "
        f"track record needed {_number(odds.track_record, places=0)} of {odds.bars} bars"
    )
    if each.refusal:
        yield f"  not written: {each.refusal}"


def _number(value: float | None, *, places: int = 2) -> str:
    return "undefined" if value is None else f"{value:.{places}f}"
