"""
One look at the portfolio: what is found now, against what is traded now.

Everything is measured alike. The universe is read and screened as `discover-pairs` does it; the
pairs that are traded and those that survive are walked forward over the same held-out bars, by the
same grid and costs; `autopilot_rule` decides. The decision is written down before anything is done.
"""

import enum
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from algopioneer_core.cli.kit import tell_session
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import plain
from algopioneer_strategies.research.autopilot_field import Field
from algopioneer_strategies.research.autopilot_options import AutopilotOptions
from algopioneer_strategies.research.autopilot_portfolio import (
    Portfolio,
    changed_pairs,
    read_portfolio,
    replace_file,
)
from algopioneer_strategies.research.autopilot_rule import (
    CASH,
    Verdict,
    judge,
    share_of_level,
)
from algopioneer_strategies.research.discovery import Discovery, discover
from algopioneer_strategies.research.experiments import Experiment, ExperimentKind, ExperimentRow
from algopioneer_strategies.research.fingerprints import code_version, data_hash
from algopioneer_strategies.research.ledger import ExperimentLedger
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.pairs_output import pairs_file
from algopioneer_strategies.research.search import trading_of
from algopioneer_strategies.research.search_log import SearchLog
from algopioneer_strategies.research.tiles import tile_runner
from algopioneer_strategies.research.trading_options import TradingOptions

__all__ = ["Action", "Decision", "Look", "earlier_looks", "look"]


class Action(enum.Enum):
    """What is decided about a place of the portfolio."""

    KEEP = "keep"
    REPLACE = "replace"
    CLOSE = "close"
    """Nothing takes its place."""
    ADD = "add"
    """A free place is taken."""


@frozen
class Decision:
    """One decision, and why."""

    pair: str
    action: Action
    candidate: str | None
    """Who takes the place."""
    reason: str

    def __str__(self) -> str:
        """Return it in words."""
        goes = f" by {self.candidate}" if self.action is Action.REPLACE else ""
        return f"{self.action.value} {self.pair}{goes}: {self.reason}"


@frozen(eq=False, kw_only=True)
class Look:
    """What came of one look."""

    discovery: Discovery
    portfolio: Portfolio
    verdict: Verdict
    decisions: tuple[Decision, ...]
    bars: int
    """Returns that were held out."""
    new_bars: int
    """Of those, what no look before this one had."""
    text: str | None
    """The file as it is to be; None where nothing changes."""
    is_applied: bool
    told: str | None
    """Which session was told, and what came of it; None where none was."""
    ledger_head: str


def look(
    options: AutopilotOptions, discovery: DiscoveryOptions, trading: TradingOptions, *, ts_ns: int
) -> Look:
    """
    Refresh the data, search, compare, write the decision down, and act on it where asked to.

    Args:
        options: The portfolio, and whether to act.
        discovery: The universe and the screen.
        trading: Grid, costs and walk-forward.
        ts_ns: The time, for ledger and journal.

    Raises:
        AlgopioneerError: Something is wrong or missing; says what, where and what to do. Nothing
            was changed, unless it says that a session was not told, or refuses the file.
    """
    portfolio = read_portfolio(Path(options.portfolio))
    free = _free(options, portfolio)
    with tile_runner(discovery.scheduler) as tiles:
        found = discover(discovery, holdout=trading.holdout, tiles=tiles)
        portfolio.refuse_other_bars(found.closes.interval_ns)
        with ExperimentLedger(Path(trading.ledger)) as ledger:
            log = SearchLog(ledger, ts_ns, code_version())
            log.screen(found.screen)
            survivors = found.screen.survivors[: discovery.max_pairs]
            field = Field.of(found, portfolio, survivors, trading, log, tiles)
            made = _decided(field, options, free, trading, ledger, ts_ns)
            head = ledger.head()[1]
    applied, told = _act(made.text, made.decisions, options, portfolio, ts_ns)
    return Look(
        discovery=found,
        portfolio=portfolio,
        verdict=made.verdict,
        decisions=made.decisions,
        bars=made.bars,
        new_bars=made.new_bars,
        text=made.text,
        is_applied=applied,
        told=told,
        ledger_head=head,
    )


def _free(options: AutopilotOptions, portfolio: Portfolio) -> int:
    there = len(portfolio.holdings)
    places = there if options.places is None else options.places
    if places < there:
        raise ConfigError(
            f"there are {there} pairs, more than {places} places",
            where="--places",
            remedy=f"take pairs out of {portfolio.path} first, or allow {there} places",
        )
    return places - there


# --- deciding --------------------------------------------------------------------------------


@frozen(kw_only=True)
class _Made:
    verdict: Verdict
    decisions: tuple[Decision, ...]
    bars: int
    new_bars: int
    text: str | None


def _decided(
    field: Field,
    options: AutopilotOptions,
    free: int,
    trading: TradingOptions,
    ledger: ExperimentLedger,
    ts_ns: int,
) -> _Made:
    """Decide, and write it down."""
    incumbents, candidates = field.incumbents, field.candidates
    times = field.found.closes.times_ns[field.found.split + 1 :]
    parameters = {
        "incumbents": [each.name for each in incumbents],
        "candidates": [each.name for each in candidates],
        "free": free,
        "level": plain(options.level),
        "holdout": plain(trading.holdout),
        **trading_of(trading).spec.as_dict(),
    }
    rows = ledger.rows(kind=ExperimentKind.DECISION)
    subject = field.portfolio.path.name
    before_ns, earlier = earlier_looks(rows, subject, int(times[-1]), parameters)
    new_bars = int((times > before_ns).sum())
    level = share_of_level(float(options.level), new_bars=new_bars, bars=len(times))
    verdict = judge(incumbents, candidates, level=level, free=free, earlier=earlier)
    made = _Made(
        verdict=verdict,
        decisions=tuple(_decisions(field, verdict, new_bars)),
        bars=len(times),
        new_bars=new_bars,
        text=_text(field, verdict, options, trading),
    )
    result = {"last_bar_ns": int(times[-1]), "is_applied": options.apply, **_result(made)}
    ledger.append(_experiment(field, subject, parameters, result, len(verdict.comparisons), ts_ns))
    return made


def earlier_looks(
    rows: Iterable[ExperimentRow], subject: str, last_bar_ns: int, parameters: Mapping[str, Any]
) -> tuple[int, int]:
    """
    Return what earlier looks at a portfolio leave to this one.

    The same look, of the same pairs by the same grid at the same bars, counts once: a dry run does
    not spoil the run that acts.

    Args:
        rows: Decisions in the ledger.
        subject: The portfolio.
        last_bar_ns: Close of the last bar of this look, UTC nanoseconds.
        parameters: Of this look.

    Returns:
        The last bar of the looks before this bar, UTC nanoseconds (-1 where there are none), and
        the comparisons that other looks made at this bar.
    """
    before_ns, others = -1, dict[str, int]()
    own = json.dumps(parameters, sort_keys=True)
    for row in rows:
        if row.subject != subject:
            continue
        seen_ns = int(json.loads(row.result)["last_bar_ns"])
        if seen_ns < last_bar_ns:
            before_ns = max(before_ns, seen_ns)
        elif (asked := json.dumps(json.loads(row.parameters), sort_keys=True)) != own:
            others[asked] = row.trials
    return before_ns, sum(others.values())


def _decisions(field: Field, verdict: Verdict, new_bars: int) -> Iterator[Decision]:
    taken = {each.incumbent: each for each in verdict.changes if each.incumbent != CASH}
    for name in (each.name for each in field.portfolio.holdings):
        if name in field.unjudged:
            yield Decision(name, Action.KEEP, None, f"not judged: {field.unjudged[name]}")
        elif name not in taken:
            yield Decision(name, Action.KEEP, None, _why_kept(verdict, name, new_bars))
        elif taken[name].candidate == CASH:
            yield Decision(name, Action.CLOSE, None, _figures(verdict, name, CASH))
        else:
            candidate = taken[name].candidate
            yield Decision(name, Action.REPLACE, candidate, _figures(verdict, name, candidate))
    for each in verdict.changes:
        if each.incumbent == CASH:
            reason = _figures(verdict, CASH, each.candidate)
            yield Decision(each.candidate, Action.ADD, each.candidate, reason)


def _why_kept(verdict: Verdict, name: str, new_bars: int) -> str:
    best = verdict.best_of(name)
    assert best is not None  # there is always cash
    reason = f"the best in its place: {_figures(verdict, name, best.candidate)}"
    if best.p_value <= verdict.threshold:
        why = best.refusal or "it went to another place, or one pair must be left"
        return f"{reason}; not taken: {why}"
    return reason if new_bars else f"no bar is new since the last look; {reason}"


def _figures(verdict: Verdict, incumbent: str, candidate: str) -> str:
    found = next(
        each
        for each in verdict.comparisons
        if (each.incumbent, each.candidate) == (incumbent, candidate)
    )
    t = "undefined" if found.statistic is None else f"{found.statistic:.2f}"
    return (
        f"{candidate} gains {10_000 * found.gain:+.2f} bps a bar over {incumbent}, t {t}, "
        f"p {found.p_value:.2g} where {verdict.threshold:.2g} makes a change"
    )


def _text(
    field: Field, verdict: Verdict, options: AutopilotOptions, trading: TradingOptions
) -> str | None:
    """Return the file as it is to be; None where nothing changes."""
    if not verdict.changes:
        return None

    def entry(name: str) -> dict[str, Any] | None:
        return None if name == CASH else pairs_file([field.traded[name]], trading)[0]

    added = [entry(each.candidate) for each in verdict.changes if each.incumbent == CASH]
    return changed_pairs(
        field.portfolio.holdings,
        {
            each.incumbent: entry(each.candidate)
            for each in verdict.changes
            if each.incumbent != CASH
        },
        [each for each in added if each is not None],
        on_remove=options.on_remove,
    )


def _result(made: _Made) -> dict[str, Any]:
    return {
        "bars": made.bars,
        "new_bars": made.new_bars,
        "spent": made.verdict.level,
        "comparisons": len(made.verdict.comparisons),
        "trials": made.verdict.trials,
        "threshold": made.verdict.threshold,
        "decisions": [
            {
                "pair": each.pair,
                "action": each.action.value,
                "candidate": each.candidate,
                "reason": each.reason,
            }
            for each in made.decisions
        ],
    }


def _experiment(
    field: Field,
    subject: str,
    parameters: Mapping[str, Any],
    result: Mapping[str, Any],
    trials: int,
    ts_ns: int,
) -> Experiment:
    closes = field.found.closes
    return Experiment(
        kind=ExperimentKind.DECISION,
        ts_ns=ts_ns,
        subject=subject,
        data_hash=data_hash(closes.symbols, closes.times_ns, [closes.log_prices]),
        code_version=code_version(),
        trials=max(1, trials),
        parameters=parameters,
        result=result,
    )


# --- acting ----------------------------------------------------------------------------------


def _act(
    text: str | None,
    decisions: Sequence[Decision],
    options: AutopilotOptions,
    portfolio: Portfolio,
    ts_ns: int,
) -> tuple[bool, str | None]:
    """Write the file and tell the session, where asked to; return whether, and what came of it."""
    if not options.apply:
        return False, None
    if text is not None:
        replace_file(portfolio, text)
    told = None
    if options.journal is not None:
        note = f"autopilot: {'; '.join(map(str, decisions))}"
        told = tell_session(Path(options.journal), note=note, reload=text is not None, ts_ns=ts_ns)
    return text is not None, told
