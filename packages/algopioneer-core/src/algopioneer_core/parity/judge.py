"""One strategy of a recorded session, judged: run in the backtester, and compared."""

from algopioneer_core.parity.backtested import Rules, backtested
from algopioneer_core.parity.causes import Evidence
from algopioneer_core.parity.compare import Verdict, compare
from algopioneer_core.parity.recorded import Recorded
from algopioneer_core.parity.seen_bars import Series, bar_facts
from algopioneer_core.runtime.plan import StrategyPlan

__all__ = ["judge"]


def judge(
    plan: StrategyPlan, recorded: Recorded, rules: Rules, there: Series | None = None
) -> Verdict:
    """
    Return whether a session did what the backtester does with the same strategy.

    Args:
        plan: The strategy, as it is configured now.
        recorded: What the session's journal has of it.
        rules: Fills, costs and limits of the backtest.
        there: The bars there were, of which those of the session's time are used; None for those
            that the session saw.

    Raises:
        RefusedError: There is no bar to decide on.
        DataError: The bars cannot be trusted.
    """
    seen, last_ns = recorded.seen, recorded.last_ns
    bars = seen if there is None else _between(there, recorded.first_ns, last_ns)
    evidence = Evidence(
        interval_ns=plan.interval_ns,
        anchor_ns=last_ns,
        bars=bar_facts(seen, bars, recorded.late),
        events=tuple(sorted(recorded.facts, key=lambda fact: fact.ts_ns)),
        configuration=_other_configuration(plan, recorded),
        instruments={each.id: each for each in plan.instruments},
    )
    warm_until_ns = recorded.warm_up[-1].ts_event if recorded.warm_up else 0
    tested = backtested(plan, bars, warm_until_ns, rules)
    return compare(plan.name, recorded.transcript.until(last_ns), tested.until(last_ns), evidence)


def _between(bars: Series, first_ns: int, last_ns: int) -> Series:
    return {ts_ns: row for ts_ns, row in bars.items() if first_ns <= ts_ns <= last_ns}


def _other_configuration(plan: StrategyPlan, recorded: Recorded) -> str:
    """Return how the strategy's configuration is known not to be the one it traded with."""
    if recorded.fingerprints != {plan.fingerprint}:
        return "parameters, capital or limits of the strategy are not those it traded with"
    if plan.exits and plan.exit_on_quotes:
        return "exit_on is quote: exits saw quotes, and a backtest has bars only"
    return ""
