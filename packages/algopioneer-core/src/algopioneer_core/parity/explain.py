"""
The class of a divergence, from the two decisions that part and from what is known of the session.

The rules, in this order: what an order's fill shows by itself (unless the bars it traded in
differ); then a configuration that is known to be another; then the latest thing before it that the
backtest had otherwise.
"""

from collections.abc import Iterable, Sequence

from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.parity.causes import Cause, Evidence, Fact
from algopioneer_core.parity.decisions import Decision, DecisionKind
from algopioneer_core.parity.fills import Explanation, in_one_bar, is_rounded, unlike_fills

__all__ = ["explain"]

Row = Sequence[Decision]


def explain(place: int, session: Row, backtest: Row, evidence: Evidence) -> Explanation:
    """
    Return why two runs part at *place*, where at least one of them has a decision.

    Args:
        place: Of the first decision that differs.
        session: Its decisions.
        backtest: Its decisions.
        evidence: What is known of the session besides.
    """
    ours, theirs = _at(session, place), _at(backtest, place)
    fills = _missing_fills(place, session, backtest)
    for fill in fills:
        found = _fill(fill, place, session, backtest, evidence)
        if found is not None:
            return found
    if fills:
        return Cause.LATENCY, "the same fills came in another order"
    if ours is not None and theirs is not None and _is_one_order(ours, theirs):
        found = _order(ours, theirs, evidence)
        if found is not None:
            return found
    decisions = [each for each in (ours, theirs) if each is not None]
    denied = [each for each in decisions if each.kind is DecisionKind.DENIED]
    return _decision(min(denied or decisions, key=lambda each: each.ts_ns), evidence)


def _at(row: Row, place: int) -> Decision | None:
    return row[place] if place < len(row) else None


# --- fills -----------------------------------------------------------------------------------


def _missing_fills(place: int, session: Row, backtest: Row) -> list[Decision]:
    """Return the fills that one run has here and the other has not, or not like this."""
    ours, theirs = _at(session, place), _at(backtest, place)
    sides = ((ours, theirs, session), (theirs, ours, backtest))
    return [mine for mine, yours, row in sides if mine and _is_missing(mine, yours, row[place:])]


def _is_missing(mine: Decision, yours: Decision | None, my_row: Row) -> bool:
    """Return whether *mine* is a fill that the other run, which has *yours* here, lacks here."""
    if mine.kind is not DecisionKind.FILL:
        return False
    if yours is None or yours.order == mine.order or yours.kind is DecisionKind.FILL:
        return True
    if mine.ts_ns < yours.ts_ns:
        return True
    return yours in my_row  # what the other run did instead comes here too, after the fill


def _fill(
    fill: Decision, place: int, session: Row, backtest: Row, evidence: Evidence
) -> Explanation | None:
    number = fill.order
    ours = _fill_of(number, session[place:])
    theirs = _fill_of(number, backtest[place:])
    made = _order_of(number, session) or _order_of(number, backtest)
    began = fill.ts_ns if made is None else made.ts_ns
    over = max(each.ts_ns for each in (fill, ours, theirs) if each is not None)
    bars = _of_instrument(evidence.bars, fill, began, over + evidence.interval_ns)
    if bars:
        return bars[0].cause, bars[0].text
    if ours is None or theirs is None:
        return _never(number, session if ours is None else backtest, in_session=ours is None)
    if ours.body == theirs.body and in_one_bar(ours, theirs, evidence):
        return None
    wanted = None if made is None or not isinstance(made.body, OrderIntent) else made.body
    return unlike_fills(ours, theirs, wanted, evidence)


def _fill_of(number: int | None, row: Row) -> Decision | None:
    fills = (each for each in row if each.kind is DecisionKind.FILL)
    return next((each for each in fills if each.order == number), None)


def _order_of(number: int | None, row: Row) -> Decision | None:
    orders = (each for each in row if each.kind is DecisionKind.ORDER)
    return next((each for each in orders if each.order == number), None)


def _of_instrument(facts: Iterable[Fact], fill: Decision, after: int, until: int) -> list[Fact]:
    """Return the facts of bars in which the order of *fill* could trade."""
    traded = getattr(fill.body, "instrument_id", "")
    return [
        fact
        for fact in facts
        if after < fact.ts_ns <= until
        and (not fact.instrument_ids or traded in fact.instrument_ids)
    ]


def _never(number: int | None, row: Row, *, in_session: bool) -> Explanation:
    """Return why an order that trades in one run does not trade in the other, whose row it is."""
    where = "session" if in_session else "backtest"
    for each in row:
        if each.kind is DecisionKind.ENDED and each.order == number:
            why = f": {each.note}" if each.note else ""
            return Cause.INTERVENTION, f"the {where}'s order was {each.body}{why}"
    if _order_of(number, row) is None:
        return (
            Cause.CONFIGURATION,
            f"nothing was left of the account: one of them closed everything, the {where} went on",
        )
    return Cause.LATENCY, f"the {where}'s order had not traded by the end"


# --- everything else -------------------------------------------------------------------------


def _is_one_order(ours: Decision, theirs: Decision) -> bool:
    one, other = ours.body, theirs.body
    return (
        isinstance(one, OrderIntent)
        and isinstance(other, OrderIntent)
        and ours.kind is theirs.kind
        and (one.instrument_id, one.side) == (other.instrument_id, other.side)
    )


def _order(ours: Decision, theirs: Decision, evidence: Evidence) -> Explanation | None:
    """Return that two orders are of one size but for rounding, if they are."""
    one, other = ours.body, theirs.body
    assert isinstance(one, OrderIntent)
    assert isinstance(other, OrderIntent)
    if any(fact.ts_ns == ours.ts_ns for fact in evidence.bars):
        return None  # its size may come of that bar
    step = evidence.quantity_step(one.instrument_id)
    for mine, yours in (
        (one.quantity, other.quantity),
        (one.quote_amount, other.quote_amount),
    ):
        if mine is not None and yours is not None and mine != yours:
            text = f"the order is of {mine} in the session and of {yours} in the backtest"
            return (Cause.ROUNDING, text) if is_rounded(mine, yours, step) else None
    return None


def _decision(decision: Decision, evidence: Evidence) -> Explanation:
    if evidence.configuration:
        return Cause.CONFIGURATION, evidence.configuration
    if decision.kind is DecisionKind.DENIED:
        return _denied(decision, evidence)
    if decision.kind is DecisionKind.ENDED:
        why = f": {decision.note}" if decision.note else ""
        return Cause.INTERVENTION, f"one of the orders was {decision.body}{why}"
    found = _latest((*evidence.bars, *evidence.events), decision.ts_ns)
    if found is not None:
        return found.cause, found.text
    return (
        Cause.UNEXPLAINED,
        "bars, fills, configuration and everything else before it are the same",
    )


def _denied(decision: Decision, evidence: Evidence) -> Explanation:
    halted = _latest(evidence.events, decision.ts_ns)
    if halted is not None:
        return halted.cause, halted.text
    why = f": {decision.note}" if decision.note else ""
    return Cause.CONFIGURATION, f"a limit refused the order in one of them{why}"


def _latest(facts: Iterable[Fact], until: int) -> Fact | None:
    known = [fact for fact in facts if fact.ts_ns <= until]
    return max(known, key=lambda fact: fact.ts_ns) if known else None  # the first of one time
