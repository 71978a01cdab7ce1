"""The risk gate: what it approves, cuts and refuses."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.money import Increment, sub
from algopioneer_core.domain.orders import OrderIntent, OrderType
from algopioneer_core.engine.exposure import Exposure, ExposureView, Mark
from algopioneer_core.engine.risk import (
    Approved,
    Denied,
    Limit,
    LossStage,
    OrderRequest,
    RiskGate,
)
from algopioneer_core.engine.risk_limits import RiskLimits

D = Decimal
SECOND = 1_000_000_000
BTC = Instrument.undescribed(InstrumentId("test", "BTC-USD"))
ETH = Instrument.undescribed(InstrumentId("test", "ETH-USD"))
EURO = Instrument.undescribed(InstrumentId("test", "BTC-EUR"))
COARSE = Instrument(
    id=BTC.id,
    base="BTC",
    quote="USD",
    quantity_increment=Increment(D("0.5")),
    minimum_quantity=D(1),
    minimum_notional=D(50),
)
INVERSE = Instrument(
    id=BTC.id,
    base="BTC",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    multiplier=D(100),
    inverse=True,
)


class Books:
    """A strategy's exposure, set by hand."""

    def __init__(self, strategy: str = "a", *instruments: Instrument) -> None:
        self.strategy = strategy
        self.equity: Decimal | None = D(1000)
        self.power: Decimal | None = None
        self.marks: dict[InstrumentId, Mark] = {}
        self.held = {each.id: Exposure(each) for each in instruments or (BTC, ETH, EURO)}
        for instrument_id in self.held:
            self.mark_at(instrument_id, "10")

    def mark_at(self, instrument_id: InstrumentId, price: str, ts_ns: int = 0) -> None:
        self.marks[instrument_id] = Mark(D(price), ts_ns)

    def hold(self, instrument: Instrument, quantity: str, **working: Decimal) -> None:
        self.held[instrument.id] = Exposure(instrument, D(quantity), **working)

    def exposure(self, instrument_id: InstrumentId) -> Exposure:
        return self.held[instrument_id]

    def exposures(self) -> Iterable[Exposure]:
        return self.held.values()

    def mark(self, instrument_id: InstrumentId) -> Mark | None:
        return self.marks.get(instrument_id)

    def buying_power(self, instrument_id: InstrumentId) -> Decimal | None:
        return self.power


def gate_for(*books: Books, **limits: Any) -> RiskGate:
    """Return a gate in dollars with session limits only."""
    gate = RiskGate(RiskLimits(**limits), numeraire="USD")
    for each in books:
        gate.register(each)
    return gate


def ask(
    gate: RiskGate,
    quantity: str | None,
    *,
    amount: str | None = None,
    instrument: Instrument = BTC,
    strategy: str = "a",
    at: int = 0,
    **intent: Any,
) -> Approved | Denied:
    """Ask for a signed *quantity*, or a signed quote *amount*."""
    size = D(quantity if quantity is not None else str(amount))
    return gate.check(
        OrderRequest(
            strategy,
            OrderIntent(
                instrument_id=instrument.id,
                side=Side.BUY if size > 0 else Side.SELL,
                quantity=None if quantity is None else size.copy_abs(),
                quote_amount=size.copy_abs() if quantity is None else None,
                **intent,
            ),
            at,
        )
    )


def limit_of(verdict: Approved | Denied) -> Limit:
    """Return why it was refused."""
    assert isinstance(verdict, Denied), verdict
    assert verdict.reason
    return verdict.limit


AS_ASKED = Approved()


def test_gate_without_limits_is_off_until_someone_halts() -> None:
    """So an engine may skip it, and a halt still works."""
    gate = gate_for(Books())
    assert gate.is_off
    gate.halt("operator", strategy="a")
    states = [gate.is_off]
    gate.resume(strategy="a")
    states.append(gate.is_off)
    assert states == [False, True]
    assert ask(gate, "1000000") == AS_ASKED


def test_gate_follows_losses_where_a_day_is_limited() -> None:
    """In the session or of one strategy; a halt by hand asks for no equities."""
    quiet, session = gate_for(Books()), gate_for(Books(), daily_loss=Decimal(10))
    quiet.halt("operator", strategy="a")
    own = RiskGate(
        RiskLimits(max_gross_notional=Decimal(1)),
        numeraire="USD",
        strategy_limits={"a": RiskLimits(daily_loss=Decimal(10))},
    )
    assert [each.follows_loss for each in (quiet, session, own)] == [False, True, True]


def test_books_are_an_exposure_view() -> None:
    """The Protocol is what the tests stand in for."""
    view: ExposureView = Books()
    assert view.strategy == "a"


def test_stranger_is_refused() -> None:
    """Who has no view cannot be judged."""
    assert limit_of(ask(gate_for(), "1")) is Limit.STRATEGY


@pytest.mark.parametrize("call", ["on_equity", "on_transfer", "rebuild"])
def test_news_of_a_stranger_are_an_error(call: str) -> None:
    """A misspelt name must not be followed silently."""
    gate = gate_for(daily_loss=D(1))
    with pytest.raises(RefusedError, match="does not know"):
        getattr(gate, call)("b", *(() if call == "rebuild" else (0,)), D(1))


# --- single limits ---------------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "passes"), [("10", True), ("10.00000001", False)])
@pytest.mark.parametrize("sign", ["", "-"])
def test_order_notional_passes_at_the_limit(quantity: str, passes: bool, sign: str) -> None:
    """A hundred dollars at ten a piece, either side."""
    verdict = ask(gate_for(Books(), max_order_notional=D(100)), sign + quantity)
    assert passes == (verdict == AS_ASKED)
    assert passes or limit_of(verdict) is Limit.ORDER_NOTIONAL


def test_order_notional_is_taken_at_the_dearest_of_its_prices() -> None:
    """Mark, limit or stop price, whichever is highest."""
    gate = gate_for(Books(), max_order_notional=D(100))
    bid: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": D(5)}
    offer: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": D(11)}
    stop: dict[str, Any] = {"type": OrderType.STOP, "stop_price": D(11)}
    assert ask(gate, "10", **bid) == AS_ASKED
    assert limit_of(ask(gate, "10.1", **bid)) is Limit.ORDER_NOTIONAL
    assert limit_of(ask(gate, "10", **offer)) is Limit.ORDER_NOTIONAL
    assert limit_of(ask(gate, "10", **stop)) is Limit.ORDER_NOTIONAL


def test_quote_sized_order_is_worth_its_amount() -> None:
    """Whatever the price."""
    gate = gate_for(Books(), max_order_notional=D(100))
    assert ask(gate, None, amount="100") == AS_ASKED
    assert limit_of(ask(gate, None, amount="100.01")) is Limit.ORDER_NOTIONAL


@pytest.mark.parametrize("limit", ["max_order_notional", "max_instrument_notional"])
@pytest.mark.parametrize("mark", [None, Mark(D(0), 0), Mark(D(-3), 0)])
def test_unknown_price_is_refused(limit: str, mark: Mark | None) -> None:
    """Even with a limit price: a sale may bring more. A price below zero is no price."""
    books = Books()
    if mark is None:
        del books.marks[BTC.id]
    else:
        books.marks[BTC.id] = mark
    gate = gate_for(books, **dict[str, Any]({limit: D(10**9)}))
    order: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": D(1)}
    assert limit_of(ask(gate, "1", **order)).value == limit


def test_instrument_notional_counts_open_orders_and_other_strategies() -> None:
    """Without netting: a short of one strategy is no room for another."""
    mine, other = Books("a"), Books("b")
    mine.hold(BTC, "2", working_buys=D(1))
    other.hold(BTC, "-3", working_sells=D(1))
    other.hold(ETH, "100")
    gate = gate_for(mine, other, max_instrument_notional=D(100))
    assert ask(gate, "3") == AS_ASKED
    assert limit_of(ask(gate, "3.01")) is Limit.INSTRUMENT_NOTIONAL


def test_order_that_does_not_raise_exposure_passes_above_the_limit() -> None:
    """A position that outgrew its limit may be sold, also through zero up to its own size."""
    books = Books()
    books.hold(BTC, "20")
    gate = gate_for(books, max_instrument_notional=D(100), max_gross_notional=D(100))
    assert ask(gate, "-20") == AS_ASKED
    assert ask(gate, "-25") == AS_ASKED
    assert limit_of(ask(gate, "0.1")) is Limit.INSTRUMENT_NOTIONAL
    assert limit_of(ask(gate, "-41")) is Limit.INSTRUMENT_NOTIONAL


def test_gross_notional_adds_all_instruments_without_sign() -> None:
    """Long and short do not cancel."""
    mine, other = Books("a"), Books("b")
    mine.hold(ETH, "-2")
    other.hold(BTC, "3")
    gate = gate_for(mine, other, max_gross_notional=D(100))
    assert ask(gate, "5") == AS_ASKED
    assert limit_of(ask(gate, "5.01")) is Limit.GROSS_NOTIONAL


def test_own_position_counts_once_in_the_gross() -> None:
    """Two held and eight more are a hundred dollars at ten a piece."""
    books = Books()
    books.hold(BTC, "2")
    gate = gate_for(books, max_gross_notional=D(100))
    assert ask(gate, "8") == AS_ASKED
    assert limit_of(ask(gate, "8.01")) is Limit.GROSS_NOTIONAL


def test_gross_notional_with_an_unknown_part_is_refused() -> None:
    """The price of another instrument of another strategy may be the one that is missing."""
    mine, other = Books("a"), Books("b")
    other.hold(ETH, "1")
    del other.marks[ETH.id]
    gate = gate_for(mine, other, max_gross_notional=D(10**9))
    assert limit_of(ask(gate, "1")) is Limit.GROSS_NOTIONAL


def test_other_currency_is_converted_or_refused() -> None:
    """A missing conversion fails closed."""
    books, rates = Books(), {"EUR": D(2)}
    gate = RiskGate(RiskLimits(max_order_notional=D(100)), numeraire="USD", rates=rates.get)
    gate.register(books)
    assert ask(gate, "5", instrument=EURO) == AS_ASKED
    assert limit_of(ask(gate, "5.01", instrument=EURO)) is Limit.ORDER_NOTIONAL
    rates.clear()
    assert limit_of(ask(gate, "1", instrument=EURO)) is Limit.ORDER_NOTIONAL
    assert limit_of(ask(gate_for(books, max_gross_notional=D(9)), "1", instrument=EURO)) is (
        Limit.GROSS_NOTIONAL
    )


def test_inverse_contract_is_worth_its_multiplier() -> None:
    """Three contracts of a hundred dollars, at any price."""
    gate = gate_for(Books("a", INVERSE), max_instrument_notional=D(300))
    assert ask(gate, "3") == AS_ASKED
    assert limit_of(ask(gate, "4")) is Limit.INSTRUMENT_NOTIONAL


def test_amount_of_an_inverse_contract_is_in_base() -> None:
    """Thirty coins at ten dollars are three contracts; without a price nobody knows."""
    books = Books("a", INVERSE)
    gate = gate_for(books, max_order_notional=D(300))
    assert ask(gate, None, amount="30") == AS_ASKED
    assert limit_of(ask(gate, None, amount="30.1")) is Limit.ORDER_NOTIONAL
    books.hold(INVERSE, "-5")
    assert ask(gate, None, amount="30", reduce_only=True) == Approved(D(3))
    books.marks.clear()
    assert limit_of(ask(gate, None, amount="1")) is Limit.ORDER_NOTIONAL


def test_number_of_positions_counts_open_orders_of_all_strategies() -> None:
    """An instrument in which something is held or open already takes no further place."""
    mine, other = Books("a"), Books("b")
    other.hold(BTC, "0", working_buys=D(1))
    gate = gate_for(mine, other, max_positions=2)
    assert ask(gate, "1") == AS_ASKED
    mine.hold(BTC, "1")
    assert limit_of(ask(gate, "1", instrument=ETH)) is Limit.POSITIONS
    assert ask(gate, "5") == AS_ASKED


def test_orders_per_second_slide() -> None:
    """Refused orders are not sent and do not count."""
    gate = gate_for(Books(), max_orders_per_second=2)
    said = [ask(gate, "1", at=at) for at in (0, 1, 2, 3, SECOND, SECOND)]
    assert [isinstance(each, Approved) for each in said] == [True, True, False, False, True, False]
    assert limit_of(said[2]) is Limit.ORDER_RATE


def test_reduction_counts_for_the_order_rate_and_is_not_refused_by_it() -> None:
    """Leaving is always possible."""
    books = Books()
    books.hold(BTC, "2")
    gate = gate_for(books, max_orders_per_second=1)
    assert ask(gate, "-1") == AS_ASKED
    assert limit_of(ask(gate, "1")) is Limit.ORDER_RATE
    assert ask(gate, "-1") == AS_ASKED


@pytest.mark.parametrize(
    ("quantity", "price", "passes"),
    [
        ("1", "11", True),
        ("1", "11.01", False),
        ("1", "1", True),
        ("-1", "9", True),
        ("-1", "8.99", False),
        ("-1", "100", True),
    ],
)
def test_collar_refuses_prices_on_the_losing_side(quantity: str, price: str, passes: bool) -> None:
    """Ten per cent around ten dollars; a patient price passes."""
    gate = gate_for(Books(), price_collar=D("0.1"))
    verdict = ask(gate, quantity, type=OrderType.LIMIT, limit_price=D(price))
    assert passes == (verdict == AS_ASKED)
    assert passes or limit_of(verdict) is Limit.PRICE_COLLAR


def test_collar_of_a_stop_limit_is_around_its_stop() -> None:
    """Where the market will be when the limit begins to count."""
    gate = gate_for(Books(), price_collar=D("0.1"))
    order: dict[str, Any] = {"type": OrderType.STOP_LIMIT, "stop_price": D(20)}
    assert ask(gate, "1", limit_price=D(22), **order) == AS_ASKED
    assert limit_of(ask(gate, "1", limit_price=D("22.01"), **order)) is Limit.PRICE_COLLAR


def test_collar_without_a_market_price_refuses_limits_and_says_nothing_of_market_orders() -> None:
    """A market order has no price to compare."""
    books = Books()
    books.marks.clear()
    gate = gate_for(books, price_collar=D("0.1"))
    order: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": D(10)}
    assert limit_of(ask(gate, "1", **order)) is Limit.PRICE_COLLAR
    assert ask(gate, "1") == AS_ASKED


def test_stale_quote_refuses_beyond_its_age() -> None:
    """At exactly the age it still counts; without any price it never does."""
    books = Books()
    gate = gate_for(books, max_quote_age_s=D("1.5"))
    assert ask(gate, "1", at=1_500_000_000) == AS_ASKED
    assert limit_of(ask(gate, "1", at=1_500_000_001)) is Limit.STALE_QUOTE
    books.marks.clear()
    assert limit_of(ask(gate, "1")) is Limit.STALE_QUOTE


def test_reduction_ignores_a_stale_price_and_the_collar_around_it() -> None:
    """A collar around a fresh price still protects a reduction."""
    books = Books()
    books.hold(BTC, "5")
    gate = gate_for(books, max_quote_age_s=D(1), price_collar=D("0.1"))
    order: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": D(1)}
    assert ask(gate, "-5", at=2 * SECOND, **order) == AS_ASKED
    assert limit_of(ask(gate, "-5", at=SECOND, **order)) is Limit.PRICE_COLLAR


def test_buying_power_is_needed_for_what_raises_exposure() -> None:
    """A reversal pays only for what goes beyond zero."""
    books = Books()
    books.hold(BTC, "2")
    books.power = D(50)
    gate = gate_for(books, check_buying_power=True)
    assert ask(gate, "5") == AS_ASKED
    assert limit_of(ask(gate, "5.01")) is Limit.BUYING_POWER
    assert ask(gate, "-7") == AS_ASKED
    assert limit_of(ask(gate, "-7.01")) is Limit.BUYING_POWER
    assert ask(gate, None, amount="50") == AS_ASKED
    assert limit_of(ask(gate, None, amount="50.01")) is Limit.BUYING_POWER


def test_unknown_buying_power_is_refused_and_does_not_stop_a_reduction() -> None:
    """What cannot be known is not lent."""
    books = Books()
    books.hold(BTC, "2")
    gate = gate_for(books, check_buying_power=True)
    assert limit_of(ask(gate, "1")) is Limit.BUYING_POWER
    assert ask(gate, "-2") == AS_ASKED
    books.power = D(100)
    books.marks.clear()
    assert limit_of(ask(gate, "1")) is Limit.BUYING_POWER


@pytest.mark.parametrize(
    ("order", "passes"),
    [
        ({"quantity": "5"}, True),
        ({"quantity": "4.5"}, False),
        ({"quantity": "0.5"}, False),
        ({"quantity": None, "amount": "50"}, True),
        ({"quantity": None, "amount": "49.99"}, False),
        ({"quantity": "4", "type": OrderType.LIMIT, "limit_price": D("12.5")}, True),
        ({"quantity": "4", "type": OrderType.LIMIT, "limit_price": D(12)}, False),
    ],
)
def test_minimums_refuse_what_the_venue_would(order: dict[str, Any], passes: bool) -> None:
    """One unit and fifty dollars at least, at the limit price where there is one."""
    verdict = ask(gate_for(Books("a", COARSE), check_minimums=True), **order)
    assert passes == (verdict == AS_ASKED)
    assert passes or limit_of(verdict) is Limit.MINIMUM


def test_minimums_without_a_price_refuse_an_entry_and_leave_an_exit_to_the_venue() -> None:
    """Its quantity is checked all the same."""
    books = Books("a", COARSE)
    books.hold(COARSE, "2")
    books.marks.clear()
    gate = gate_for(books, check_minimums=True)
    assert limit_of(ask(gate, "5")) is Limit.MINIMUM
    assert ask(gate, "-2") == AS_ASKED
    assert limit_of(ask(gate, "-0.5")) is Limit.MINIMUM


def test_minimums_of_an_instrument_without_any_pass() -> None:
    """Most files state none."""
    assert ask(gate_for(Books(), check_minimums=True), "0.00000001") == AS_ASKED


# --- halts and reductions --------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [None, "a"])
def test_halt_lets_only_reductions_pass(strategy: str | None) -> None:
    """Of the session or of the strategy, with the first reason given."""
    books = Books()
    books.hold(BTC, "5", working_sells=D(2))
    gate = gate_for(books, max_gross_notional=D(1))
    gate.halt("operator", strategy=strategy)
    gate.halt("again", strategy=strategy)
    assert gate.halted("a") == "operator"
    assert ask(gate, "-3") == AS_ASKED
    refused = ask(gate, "1")
    assert limit_of(refused) is Limit.HALTED
    assert "operator" in str(refused)
    gate.resume(strategy=strategy)
    assert gate.halted("a") is None


def test_halt_of_one_strategy_leaves_the_others_alone() -> None:
    """And the session is not halted."""
    gate = gate_for(Books("a"), Books("b"))
    gate.halt("crashed", strategy="a")
    assert gate.halted() is None
    assert limit_of(ask(gate, "1")) is Limit.HALTED
    assert ask(gate, "1", strategy="b") == AS_ASKED


def test_order_through_zero_is_cut_to_the_reduction_when_halted() -> None:
    """What open exits have not taken yet, on the instrument's grid, rounded down."""
    books = Books("a", COARSE)
    books.hold(COARSE, "5.3", working_sells=D(1))
    gate = gate_for(books)
    gate.halt("operator")
    assert ask(gate, "-10") == Approved(D(4))


def test_reduction_that_is_off_the_grid_passes_as_asked() -> None:
    """A fee in base leaves odd quantities; only what is cut is rounded."""
    books = Books("a", COARSE)
    books.hold(COARSE, "5.3")
    gate = gate_for(books)
    gate.halt("operator")
    assert ask(gate, "-5.3") == AS_ASKED


def test_quote_sized_reduction_becomes_a_quantity_when_halted() -> None:
    """At the mark, rounded down, and never more than there is to reduce."""
    books = Books()
    books.hold(BTC, "5")
    books.mark_at(BTC.id, "3")
    gate = gate_for(books)
    gate.halt("operator")
    assert ask(gate, None, amount="-10") == Approved(D("3.33333333"))
    assert ask(gate, None, amount="-1000") == Approved(D(5))
    books.marks.clear()
    assert limit_of(ask(gate, None, amount="-10")) is Limit.HALTED


def test_reduce_only_order_is_cut_without_a_halt() -> None:
    """That is what the flag asks for."""
    books = Books()
    books.hold(BTC, "-2")
    gate = gate_for(books, max_gross_notional=D(1))
    assert ask(gate, "5", reduce_only=True) == Approved(D(2))
    assert ask(gate, "2", reduce_only=True) == AS_ASKED
    assert limit_of(ask(gate, "-1", reduce_only=True)) is Limit.REDUCE_ONLY


def test_cut_order_below_a_minimum_is_refused() -> None:
    """The venue would not take it."""
    books = Books("a", COARSE)
    books.hold(COARSE, "0.6")
    gate = gate_for(books, check_minimums=True)
    gate.halt("operator")
    assert limit_of(ask(gate, "-3")) is Limit.MINIMUM


def test_reduction_may_be_judged_by_another_rule() -> None:
    """For a pair, closing one leg alone is none."""
    books = Books()
    books.hold(BTC, "5")
    gate = RiskGate(RiskLimits(), numeraire="USD", reduces=lambda request, view: D(0))
    gate.register(books)
    gate.halt("operator")
    assert limit_of(ask(gate, "-1")) is Limit.HALTED


# --- daily loss ------------------------------------------------------------------------------


def at_stage(lost: str, **limits: Any) -> tuple[RiskGate, Books]:
    """Return a gate limited to a loss of 100 of which *lost* is gone, and its books."""
    books = Books()
    gate = gate_for(books, **(limits or {"daily_loss": D(100)}))
    gate.on_equity("a", 0, D(1000))
    books.equity = sub(D(1000), D(lost))
    gate.on_equity("a", 1, books.equity)
    return gate, books


def test_warning_refuses_nothing() -> None:
    """It is for people."""
    gate, _ = at_stage("50")
    assert gate.stage("a") is LossStage.WARN
    assert ask(gate, "1") == AS_ASKED


def test_no_new_positions_lets_what_is_held_grow_and_shrink() -> None:
    """A flat instrument stays flat, and zero is not crossed."""
    gate, books = at_stage("75")
    books.hold(BTC, "2")
    assert ask(gate, "1") == AS_ASKED
    assert ask(gate, "-2") == AS_ASKED
    assert ask(gate, "-3") == Approved(D(2))
    assert limit_of(ask(gate, "1", instrument=ETH)) is Limit.DAILY_LOSS
    books.hold(ETH, "-1")
    assert ask(gate, "-1", instrument=ETH) == AS_ASKED


@pytest.mark.parametrize(
    ("lost", "stage"), [("90", LossStage.REDUCE_ONLY), ("100", LossStage.FLATTEN)]
)
def test_later_stages_only_reduce(lost: str, stage: LossStage) -> None:
    """The engine reads the stage and flattens."""
    gate, books = at_stage(lost)
    books.hold(BTC, "2")
    assert gate.stage("a") is stage
    assert limit_of(ask(gate, "1")) is Limit.DAILY_LOSS
    assert ask(gate, "-2") == AS_ASKED
    gate.resume()
    assert gate.stage("a") is stage


def test_check_reads_the_equity_itself() -> None:
    """An engine that forgot to report it is held to it all the same."""
    books = Books()
    gate = gate_for(books, daily_loss=D(100))
    assert ask(gate, "1") == AS_ASKED
    books.equity = D(900)
    assert limit_of(ask(gate, "1", at=1)) is Limit.DAILY_LOSS
    assert gate.day_pnl() == -100


def test_unknown_equity_of_any_strategy_only_reduces() -> None:
    """The session's loss is not known without it."""
    mine, other = Books("a"), Books("b")
    gate = gate_for(mine, other, daily_loss=D(100))
    mine.hold(BTC, "1")
    other.equity = None
    assert limit_of(ask(gate, "1")) is Limit.DAILY_LOSS
    assert ask(gate, "-1") == AS_ASKED
    gate.withdraw("b")
    assert ask(gate, "1") == AS_ASKED


def test_equities_that_move_together_are_judged_together() -> None:
    """A pair held by two strategies loses on one side what it gains on the other."""
    gate = RiskGate(
        RiskLimits(daily_loss=D(100)),
        numeraire="USD",
        strategy_limits={"a": RiskLimits(daily_loss=D(1000))},
    )
    gate.register(Books("a"))
    gate.register(Books("b"))
    gate.on_equities(0, {"a": D(1000), "b": D(1000)})
    gate.on_equities(1, {"a": D(800), "b": D(1190)})
    assert gate.stage("b") is LossStage.NORMAL
    assert (gate.day_pnl(), gate.day_pnl("a")) == (D(-10), D(-200))


def test_strategy_has_limits_of_its_own_beside_the_sessions() -> None:
    """The harder of the two stages holds; the other strategy is not concerned."""
    gate = RiskGate(
        RiskLimits(daily_loss=D(1000)),
        numeraire="USD",
        strategy_limits={"a": RiskLimits(daily_loss=D(10), max_order_notional=D(50))},
    )
    mine, other = Books("a"), Books("b")
    gate.register(mine)
    gate.register(other)
    assert limit_of(ask(gate, "6")) is Limit.ORDER_NOTIONAL
    assert ask(gate, "6", strategy="b") == AS_ASKED
    mine.equity = D(990)
    assert gate.on_equity("a", 1, D(990)) is LossStage.FLATTEN
    assert (gate.stage("a"), gate.stage("b")) == (LossStage.FLATTEN, LossStage.NORMAL)
    assert gate.day_pnl("a") == gate.day_pnl() == -10
    assert gate.day_pnl("b") is None


def test_transfers_and_a_rebuilt_boundary_reach_every_scope() -> None:
    """Money paid out is no loss; the boundary may be set from history."""
    gate = RiskGate(
        RiskLimits(daily_loss=D(100)),
        numeraire="USD",
        strategy_limits={"a": RiskLimits(daily_loss=D(100))},
    )
    gate.register(Books())
    gate.on_equity("a", 0, D(1000))
    gate.on_transfer("a", 1, D(-400))
    gate.on_equity("a", 2, D(595))
    assert gate.day_pnl("a") == gate.day_pnl() == -5
    gate.rebuild("a", D(1010))
    assert gate.day_pnl("a") == gate.day_pnl() == -15


def test_news_are_harmless_where_no_loss_is_limited() -> None:
    """Nothing is followed, nothing is known."""
    gate = gate_for(Books())
    assert gate.on_equity("a", 0, D(1)) is LossStage.NORMAL
    gate.on_transfer("a", 0, D(1))
    gate.rebuild("a", D(1))
    gate.withdraw("a")
    assert gate.day_pnl() is None


def test_restarted_strategy_takes_the_place_of_the_old_one() -> None:
    """Its exposure is not counted twice."""
    old, new = Books(), Books()
    old.hold(BTC, "9")
    new.hold(BTC, "9")
    gate = gate_for(old, new, max_instrument_notional=D(100))
    assert ask(gate, "1") == AS_ASKED


def test_trading_day_of_an_exchange_may_be_given() -> None:
    """A calendar replaces time and zone."""

    class Weeks:
        def day_of(self, ts_ns: int) -> tuple[int, int]:
            start = ts_ns - ts_ns % (7 * 86_400 * SECOND)
            return start, start + 7 * 86_400 * SECOND

    gate = RiskGate(RiskLimits(daily_loss=D(100)), numeraire="USD", calendar=Weeks())
    gate.register(Books())
    gate.on_equity("a", 0, D(1000))
    assert gate.on_equity("a", 3 * 86_400 * SECOND, D(900)) is LossStage.FLATTEN


# --- restart ---------------------------------------------------------------------------------


def test_gate_survives_a_restart() -> None:
    """Halts, order times and the day's loss come back by way of JSON."""
    limits: dict[str, Any] = {"daily_loss": D(100), "max_orders_per_second": 1}
    gate, books = at_stage("95", **limits)
    books.hold(BTC, "1")
    gate.halt("operator")
    gate.halt("crashed", strategy="a")
    assert ask(gate, "-1", at=5) == AS_ASKED

    again = gate_for(books, **limits)
    again.restore(json.loads(json.dumps(gate.snapshot())))
    assert (again.halted(), again.stage("a")) == ("operator", LossStage.REDUCE_ONLY)
    again.resume()
    assert again.halted("a") == "crashed"
    again.resume(strategy="a")
    assert limit_of(ask(again, "1", at=6)) is Limit.DAILY_LOSS
    day = 86_400 * SECOND
    assert ask(again, "1", at=day) == AS_ASKED
    assert limit_of(ask(again, "1", at=day + 1)) is Limit.ORDER_RATE


def test_restored_order_times_still_count() -> None:
    """A restart within a second does not double the rate."""
    gate = gate_for(Books(), max_orders_per_second=1)
    ask(gate, "1", at=5)
    again = gate_for(Books(), max_orders_per_second=1)
    again.restore(json.loads(json.dumps(gate.snapshot())))
    assert limit_of(ask(again, "1", at=6)) is Limit.ORDER_RATE


def test_limits_that_are_gone_are_not_restored() -> None:
    """Limits are of today's configuration; a halt stays, of a strategy without limits too."""
    limits = RiskLimits(daily_loss=D(1), max_orders_per_second=1)
    gate = RiskGate(limits, numeraire="USD", strategy_limits={"a": limits, "b": limits})
    gate.register(Books())
    gate.halt("crashed", strategy="a")
    again = gate_for(Books())
    again.restore(json.loads(json.dumps(gate.snapshot())))
    assert not again.is_off
    assert (again.halted("a"), again.halted("b")) == ("crashed", None)
    again.resume(strategy="a")
    assert ask(again, "1000") == AS_ASKED


def test_limits_that_are_new_start_afresh() -> None:
    """A snapshot of a gate without them has nothing to say about them."""
    books = Books()
    again = gate_for(books, daily_loss=D(1), max_orders_per_second=1)
    again.restore(json.loads(json.dumps(gate_for(books).snapshot())))
    assert ask(again, "1") == AS_ASKED
