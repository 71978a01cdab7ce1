"""What an entry says, in the words of the trade: one line for people."""

from collections.abc import Mapping
from functools import singledispatch

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    CloseSpread,
    Halt,
    OpenSpread,
    SetTimer,
    Submit,
)
from algopioneer_core.domain.events import (
    FeeCharged,
    FundingPaid,
    RiskHalted,
    RiskResumed,
    StrategyCrashed,
    StrategyRestarted,
)
from algopioneer_core.domain.execution_reports import (
    CancelRejected,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.money import plain
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.journal.codec import encode

__all__ = ["describe"]


@singledispatch
def describe(body: object) -> str:
    """
    Return *body* in one line; what has no words of its own is its canonical text.

    Raises:
        CodecError: It has neither.
    """
    return encode(body)


@describe.register
def _(body: str) -> str:
    return body


@describe.register(Mapping)
def _(body: Mapping[str, object]) -> str:
    return ", ".join(f"{key}: {describe(value)}" for key, value in body.items())


@describe.register
def _(bar: Bar) -> str:
    return (
        f"bar of {bar.instrument_id} until {iso_utc(bar.ts_event)}: open {plain(bar.open)},"
        f" high {plain(bar.high)}, low {plain(bar.low)}, close {plain(bar.close)}"
    )


@describe.register
def _(joint: JointBar) -> str:
    closes = ", ".join(f"{bar.instrument_id} {plain(bar.close)}" for bar in joint.bars)
    return f"bars until {iso_utc(joint.ts_event)}, closes: {closes}"


@describe.register
def _(quote: Quote) -> str:
    return f"quote of {quote.instrument_id}: bid {plain(quote.bid)}, ask {plain(quote.ask)}"


@describe.register
def _(trade: Trade) -> str:
    return f"trade in {trade.instrument_id}: {plain(trade.quantity)} at {plain(trade.price)}"


@describe.register
def _(intent: OrderIntent) -> str:
    if intent.quantity is not None:
        size = f"{plain(intent.quantity)} {intent.instrument_id}"
    else:
        assert intent.quote_amount is not None, "an intent has one of the two"
        size = f"{intent.instrument_id} for {plain(intent.quote_amount)} in all"
    terms = [intent.type.value.replace("_", " ")]
    terms += [f"limit {plain(intent.limit_price)}"] if intent.limit_price else []
    terms += [f"stop {plain(intent.stop_price)}"] if intent.stop_price else []
    terms += [intent.time_in_force.value.upper()]
    terms += ["post only"] if intent.post_only else []
    terms += ["reduce only"] if intent.reduce_only else []
    return f"{intent.side.value} {size} ({', '.join(terms)}), reason: {intent.reason}"


@describe.register
def _(order: Order) -> str:
    return f"order {order.client_order_id}: {describe(order.intent)}"


@describe.register
def _(command: Submit) -> str:
    return f"send {describe(command.order)}"


@describe.register
def _(command: Cancel) -> str:
    return f"cancel order {command.client_order_id}"


@describe.register
def _(command: CancelAll) -> str:
    return f"cancel all orders in {command.instrument_id or 'all instruments'}"


@describe.register
def _(command: OpenSpread) -> str:
    return f"open a spread: buy {command.buy}, sell {command.sell}, reason: {command.reason}"


@describe.register
def _(command: CloseSpread) -> str:
    return f"close the spread, reason: {command.reason}"


@describe.register
def _(command: SetTimer) -> str:
    return f"wake up for {command.name!r} at {iso_utc(command.at_ns)}"


@describe.register
def _(command: Halt) -> str:
    return f"halt: {command.reason}"


@describe.register
def _(report: OrderAccepted) -> str:
    return f"accepted by the venue as {report.venue_order_id or 'an order without an id'}"


@describe.register
def _(report: OrderFilled) -> str:
    fill = report.fill
    verb = "bought" if fill.side is Side.BUY else "sold"
    return (
        f"{verb} {plain(fill.quantity)} at {plain(fill.price)} as {fill.liquidity.value},"
        f" fee {plain(fill.fee)} {fill.fee_asset}, fill {fill.fill_id}"
    )


@describe.register
def _(_report: OrderCompleted) -> str:
    return "nothing remains of it"


@describe.register
def _(_report: OrderExpired) -> str:
    return "expired"


@describe.register
def _(_report: OrderAbsent) -> str:
    return "proven never to have reached the venue"


def _with_message(what: str, message: str) -> str:
    return f"{what}: {message}" if message else what


@describe.register
def _(report: OrderRejected) -> str:
    return _with_message("refused by the venue", report.message)


@describe.register
def _(report: OrderCanceled) -> str:
    return _with_message("cancelled", report.message)


@describe.register
def _(report: OrderUnknown) -> str:
    return _with_message("its fate is not known", report.message)


@describe.register
def _(report: CancelRejected) -> str:
    return _with_message("not cancelled", report.message)


@describe.register
def _(halted: RiskHalted) -> str:
    return f"halted: {halted.reason}"


@describe.register
def _(_resumed: RiskResumed) -> str:
    return "resumed"


@describe.register
def _(crashed: StrategyCrashed) -> str:
    return f"the strategy crashed: {crashed.error}"


@describe.register
def _(restarted: StrategyRestarted) -> str:
    return f"the strategy runs again: restart {restarted.attempt}"


@describe.register
def _(charged: FeeCharged) -> str:
    return f"a fee of {plain(charged.amount)} {charged.asset} for {charged.instrument_id}"


@describe.register
def _(paid: FundingPaid) -> str:
    return f"funding of {plain(paid.amount)} {paid.asset} for {paid.instrument_id}"


@describe.register
def _(trip: RoundTrip) -> str:
    kind = "long" if trip.side is Side.BUY else "short"
    return (
        f"{kind} {plain(trip.quantity)} {trip.instrument_id} from {plain(trip.entry_price)} to"
        f" {plain(trip.exit_price)}: gain {plain(trip.pnl)} after fees of {plain(trip.fees)},"
        f" left for {trip.exit_reason}"
    )
