"""
Two runs of one strategy, decision by decision: equal, or where they part and why.

Pure code: two rows of decisions and what is known of the session go in, a verdict comes out. Times
count by the bar in which they lie, since a backtest knows no time inside of a bar.
"""

from collections.abc import Sequence

from attrs import frozen

from algopioneer_core.parity.causes import Cause, Evidence
from algopioneer_core.parity.decisions import Decision, DecisionKind
from algopioneer_core.parity.explain import explain
from algopioneer_core.parity.fills import in_one_bar

__all__ = ["Divergence", "Verdict", "compare"]


@frozen(kw_only=True)
class Divergence:
    """Where two runs part for the first time."""

    place: int
    """How many decisions before it are equal."""
    session: Decision | None
    """What the session did there; None when it did nothing more."""
    backtest: Decision | None
    cause: Cause
    why: str
    """The cause in words: what differs, and by how much."""

    @property
    def ts_ns(self) -> int:
        """When, UTC nanoseconds: the earlier of the two."""
        return min(each.ts_ns for each in (self.session, self.backtest) if each is not None)


@frozen(kw_only=True)
class Verdict:
    """What a comparison came to."""

    strategy: str
    equal: int
    """Decisions that are the same in both, up to the first divergence."""
    fills: int
    """Of these, fills."""
    divergence: Divergence | None
    """None when both runs are the same to the end."""
    notes: tuple[str, ...] = ()
    """What else differs, without having changed a decision so far."""


def compare(
    strategy: str,
    session: Sequence[Decision],
    backtest: Sequence[Decision],
    evidence: Evidence,
) -> Verdict:
    """
    Compare what a session did with what a backtest of it does.

    Args:
        strategy: Whose decisions they are.
        session: As they were made.
        backtest: As the backtester makes them of the same bars.
        evidence: What is known of the session besides.
    """
    place = _first_difference(session, backtest, evidence)
    fills = sum(each.kind is DecisionKind.FILL for each in session[:place])
    if place == len(session) == len(backtest):
        notes = tuple(f"{fact.cause.value}: {fact.text}" for fact in evidence.bars)
        return Verdict(strategy=strategy, equal=place, fills=fills, divergence=None, notes=notes)
    cause, why = explain(place, session, backtest, evidence)
    divergence = Divergence(
        place=place,
        session=session[place] if place < len(session) else None,
        backtest=backtest[place] if place < len(backtest) else None,
        cause=cause,
        why=why,
    )
    return Verdict(strategy=strategy, equal=place, fills=fills, divergence=divergence)


def _first_difference(
    session: Sequence[Decision], backtest: Sequence[Decision], evidence: Evidence
) -> int:
    both = zip(session, backtest, strict=False)
    for place, (ours, theirs) in enumerate(both):
        if not _same(ours, theirs, evidence):
            return place
    return min(len(session), len(backtest))


def _same(ours: Decision, theirs: Decision, evidence: Evidence) -> bool:
    return (
        ours.kind is theirs.kind
        and ours.order == theirs.order
        and ours.body == theirs.body
        and in_one_bar(ours, theirs, evidence)
    )
