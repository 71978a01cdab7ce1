"""The two engines on any signals of two legs: the same trades, the same money, the same floats."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from algopioneer_core.domain.carry import BorrowRate, Carry, Dividend, FundingRate
from algopioneer_core.domain.commands import CloseSpread, OpenSpread, StrategyCommand
from algopioneer_core.domain.errors import DataError, NotEnoughData, RefusedError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, JointBar
from algopioneer_core.domain.money import Increment, from_scaled
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.spreads import Neutrality, SpreadSize
from algopioneer_core.engine.leg_rules import LegOrders
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.history.columns import BarColumns, ColumnsSource
from algopioneer_core.history.joined import JoinedSource, join_bars
from algopioneer_core.simulation.config import (
    BacktestConfig,
    EngineChoice,
    FeeModel,
    FillTiming,
    MarginModel,
)
from algopioneer_core.simulation.spread_backtest import (
    PATIENT_RULES,
    SpreadBacktestRequest,
    run_spread_backtest,
)
from algopioneer_core.testing.backtests import RowsSink, bars_of
from algopioneer_core.testing.domain import BITCOIN, INVERSE_PERPETUAL, LINEAR_PERPETUAL
from algopioneer_core.testing.engine import ScriptedStrategy

EVENT, VECTOR, AUTO = EngineChoice.EVENT, EngineChoice.VECTOR, EngineChoice.AUTO
Flags = NDArray[np.bool_]


@frozen(eq=False, kw_only=True)
class Script:
    """Signals; see `SpreadSignals`."""

    enter_long: Flags
    enter_short: Flags
    leave_long: Flags
    leave_short: Flags
    stop: Flags
    calm: Flags
    size: SpreadSize
    hedge_ratio: Decimal = Decimal(1)
    hold_limit: Callable[[int], int | None] | None = None

    def __len__(self) -> int:
        return len(self.enter_long)


class Scripted:
    """Does at each joint bar what its script says, in either way of being run."""

    def __init__(self, legs: Sequence[Instrument], script: Script, warmup: int = 0) -> None:
        self._a, self._b = (each.id for each in legs)
        self._script = script
        self._warmup = warmup
        self._index = -1
        self._entry = 0
        self._barred = False

    def requirements(self) -> Requirements:
        return Requirements(warmup_bars=self._warmup)

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        if not isinstance(event, JointBar):
            return ()
        self._index += 1
        at, script = self._index, self._script
        self._barred = self._barred and not script.calm[at]
        if context.has_working_orders:
            return ()
        held = context.quantity(self._a)
        if held:
            return self._leave(script.leave_long if held > 0 else script.leave_short)
        if self._barred or not (script.enter_long[at] or script.enter_short[at]):
            return ()
        self._entry = at
        buy, sell = (self._a, self._b) if script.enter_long[at] else (self._b, self._a)
        return [OpenSpread(buy=buy, sell=sell, size=script.size, hedge_ratio=script.hedge_ratio)]

    def _leave(self, rule: Flags) -> Iterable[StrategyCommand]:
        at, limit = self._index, self._script.hold_limit
        held_for = None if limit is None else limit(self._entry)
        if self._script.stop[at]:
            self._barred = True
            return [CloseSpread("z_stop")]
        if held_for is not None and at - self._entry >= held_for:
            self._barred = True
            return [CloseSpread("time_stop")]
        return [CloseSpread("signal")] if rule[at] else ()

    def pair_signals(self, bars_a: BarColumns, bars_b: BarColumns) -> Script | None:
        assert np.array_equal(bars_a.ts_ns, bars_b.ts_ns)
        return self._script

    def snapshot(self) -> Mapping[str, object]:
        return {}

    def restore(self, state: Mapping[str, object]) -> None:
        raise NotImplementedError


def leg(base: Instrument, symbol: str, step: str = "0.00000001", **rules: Any) -> Instrument:
    """Return an instrument of its own name and grid."""
    return evolve(
        base,
        id=InstrumentId("test", symbol),
        quantity_increment=Increment(Decimal(step)),
        **rules,
    )


@st.composite
def bars(draw: st.DrawFn, instrument: Instrument, count: int) -> BarColumns:
    """Return bars that walk, gap, and now and then jump by far enough to ruin somebody."""
    steps = draw(st.lists(st.integers(-60, 60), min_size=count, max_size=count))
    jump_at, factor = draw(st.integers(0, 60)), draw(st.sampled_from((1, 2, 5, 40)))
    price, prices = draw(st.integers(1_000, 20_000)), []
    for index, step in enumerate(steps):
        start = max(price + step // 3, 1)
        price = max((start + step) * (factor if index == jump_at else 1), 1)
        prices.append((start, max(start, price), min(start, price), price))
    return bars_of(instrument.id, prices, decimals=draw(st.integers(0, 4)))


def fractions(highest: int) -> st.SearchStrategy[Decimal]:
    """Return fractions of up to *highest* basis points."""
    return st.integers(0, highest).map(lambda points: from_scaled(points, 4))


@st.composite
def scripts(draw: st.DrawFn, count: int) -> Script:
    """Return signals of any kind, an eighth to a half of them set."""

    def flags(part: int) -> Flags:
        numbers = draw(st.lists(st.integers(0, part - 1), min_size=count, max_size=count))
        found: Flags = np.array(numbers, np.int64) == 0
        return found

    size = draw(
        st.one_of(
            st.integers(1, 100).map(lambda share: {"fraction": from_scaled(share, 2)}),
            st.integers(1, 10**7).map(lambda amount: {"notional": from_scaled(amount, 3)}),
        )
    )
    neutrality = draw(st.sampled_from((Neutrality.DOLLAR, Neutrality.BETA)))
    limit = draw(st.one_of(st.none(), st.integers(1, 6)))
    enter_long = flags(3)
    return Script(
        enter_long=enter_long,
        enter_short=flags(3) & ~enter_long,
        leave_long=flags(3),
        leave_short=flags(3),
        stop=flags(8),
        calm=flags(2),
        size=SpreadSize(neutrality=neutrality, **size),
        hedge_ratio=from_scaled(draw(st.integers(1, 3 * 10**9)), 9),
        hold_limit=None if limit is None else lambda bar: None if bar % 5 == 0 else limit,
    )


@st.composite
def carries(draw: st.DrawFn, legs: Sequence[Instrument], source: JoinedSource) -> tuple[Carry, ...]:
    """Return payments of either leg, at, inside and outside the bars of *source*."""
    seconds = st.integers(-2 * 6, (source.count + 1) * 6).map(lambda step: 10 * step)
    prices = st.one_of(st.none(), st.integers(1, 10**6).map(lambda cents: from_scaled(cents, 2)))
    kinds = st.sampled_from((0, 1, 2))
    keys = draw(st.sets(st.tuples(seconds, st.sampled_from((0, 1)), kinds), max_size=12))

    def payment(second: int, number: int, kind: int) -> Carry:
        where = legs[number].id, source.first_ns + second * NS_PER_SECOND
        if kind == 2:
            return Dividend(*where, from_scaled(draw(st.integers(0, 10_000)), 4))
        rate = from_scaled(draw(st.integers(-10_000, 10_000)), 6)
        return (FundingRate, BorrowRate)[kind](*where, rate, draw(prices))

    return tuple(payment(*key) for key in sorted(keys))


@st.composite
def requests(draw: st.DrawFn) -> SpreadBacktestRequest:
    """Return backtests that both engines can run, of all markets, costs and sizes."""
    steps = st.sampled_from(("0.00000001", "0.001", "0.25", "1"))
    fees = st.one_of(st.none(), st.just(Decimal("0.0004")))
    kinds = st.sampled_from((BITCOIN, LINEAR_PERPETUAL))
    legs = [leg(draw(kinds), name, draw(steps), taker_fee=draw(fees)) for name in "AB"]
    count = draw(st.integers(2, 40))
    script = draw(scripts(count))
    taker = draw(st.one_of(st.none(), fractions(300)))
    source = join_bars([ColumnsSource(draw(bars(each, count))) for each in legs])
    return SpreadBacktestRequest(
        name="scripted",
        make_strategy=lambda: Scripted(legs, script),
        instruments=tuple(legs),
        source=source,
        carry=draw(st.one_of(st.just(()), carries(legs, source))),
        config=BacktestConfig(
            initial_capital=draw(st.sampled_from((Decimal(10_000), Decimal("99.123"), Decimal(3)))),
            fees=FeeModel(taker=taker, per_unit=draw(fractions(200))),
            slippage=draw(fractions(100)),
            fill=draw(st.sampled_from(FillTiming)),
            latency_bars=draw(st.sampled_from((0, 0, 1, 3))),
        ),
    )


def run(request: SpreadBacktestRequest, engine: EngineChoice) -> Any:
    """Return everything that a run gives, but for the engine's name."""
    sink = RowsSink()
    wanted = evolve(request, config=evolve(request.config, engine=engine))
    result = run_spread_backtest(wanted, [sink])
    assert result.engine == engine.value
    return {**result.as_dict(), "engine": ""}, sink.trades, sink.rows


@pytest.mark.slow
@settings(deadline=None)
@given(requests())
def test_both_engines_give_the_same_to_the_last_bit(request: SpreadBacktestRequest) -> None:
    """Result, notes, every leg's trade and every row of equity are equal, floats bit for bit."""
    assert run(request, EVENT) == run(request, VECTOR)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(requests())
def test_equity_is_cash_and_both_legs_at_their_closes(request: SpreadBacktestRequest) -> None:
    """Money and units are not mixed: each leg counts quantity times multiplier times close."""
    result, trades, rows = run(request, VECTOR)
    joint = request.source.load()
    closes = [leg.close_float().tolist() for leg in joint.legs]
    multipliers = [float(each.multiplier) for each in request.instruments]
    for (_, equity, cash, held), *prices in zip(rows, *closes, strict=False):
        parts = [
            float(quantity) * multiplier * price
            for quantity, multiplier, price in zip(held, multipliers, prices, strict=True)
        ]
        gross = abs(float(cash)) + sum(map(abs, parts))
        assert equity == pytest.approx(float(cash) + sum(parts), abs=1e-12 * gross)
    gains = sum((Decimal(trade.pnl) for trade in trades), Decimal(0))
    carried = brought(result, "funding_received") + brought(result, "dividends_received")
    assert Decimal(result["net_profit"]) == gains + carried - brought(result, "borrow_paid")


def brought(result: dict[str, Any], key: str) -> Decimal:
    """Return the sum of one kind of payment."""
    return sum(map(Decimal, (result[key] or {}).values()), Decimal(0))


# --- examples --------------------------------------------------------------------------------

A, B = leg(BITCOIN, "A"), leg(BITCOIN, "B")
FLAT = [(100, 100, 100, 100)]


def at(count: int, *places: int) -> Flags:
    """Return flags that are set at *places*."""
    flags = np.zeros(count, np.bool_)
    flags[list(places)] = True
    return flags


def script(count: int, **places: tuple[int, ...]) -> Script:
    """Return signals with these set."""

    def flags(name: str) -> Flags:
        return at(count, *places.get(name, ()))

    return Script(
        enter_long=flags("enter_long"),
        enter_short=flags("enter_short"),
        leave_long=flags("leave_long"),
        leave_short=flags("leave_short"),
        stop=flags("stop"),
        calm=flags("calm"),
        size=SpreadSize(fraction=Decimal(1)),
    )


def request_of(
    script: Script,
    prices_a: list[int],
    prices_b: list[int],
    legs: tuple[Instrument, Instrument] = (A, B),
    *,
    warmup: int = 0,
    **more: Any,
) -> SpreadBacktestRequest:
    """Return a backtest of prices at which each bar opens, stays and closes, in cents."""
    sources = [
        ColumnsSource(bars_of(each.id, [(price,) * 4 for price in prices]))
        for each, prices in zip(legs, (prices_a, prices_b), strict=True)
    ]
    return SpreadBacktestRequest(
        name="scripted",
        make_strategy=lambda: Scripted(legs, script, warmup),
        instruments=legs,
        source=join_bars(sources),
        **more,
    )


def test_instruments_that_are_no_spread_are_traded_and_counted_each_by_itself() -> None:
    """Two round trips that end at one time are two trades, and no leg manager stands between."""

    def decide(event: Event, _: StrategyContext) -> list[OrderIntent]:
        if not isinstance(event, JointBar):
            return []
        side = next(sides, None)
        if side is None:
            return []
        ids = (bar.instrument_id for bar in event.bars)
        return [OrderIntent(instrument_id=each, side=side, quantity=Decimal(1)) for each in ids]

    sides = iter((Side.BUY, None, Side.SELL))
    request = evolve(
        request_of(script(4), [10_000, 10_000, 11_000, 11_000], [5_000] * 4),
        make_strategy=lambda: ScriptedStrategy(decide),
        as_spread=False,
    )
    result, trades, _ = run(request, EVENT)
    assert (2, "10010") == (result["total_trades"], result["final_capital"])
    assert [Decimal(10), Decimal(0)] == [trade.pnl for trade in trades]


def test_a_pair_round_trip_is_one_trade_of_two_rows() -> None:
    """Half of the capital buys the first leg at 100, half sells the second at 50."""
    request = request_of(
        script(4, enter_long=(0,), leave_long=(2,)), [10_000, 10_000, 11_000, 11_000], [5_000] * 4
    )
    result, trades, _ = run(request, EVENT)
    assert (1, "10500") == (result["total_trades"], result["final_capital"])
    assert [(str(trade.instrument_id), trade.quantity) for trade in trades] == [
        ("test:A", 50),
        ("test:B", 100),
    ]
    assert [Decimal(500), Decimal(0)] == [trade.pnl for trade in trades]
    assert (run(request, VECTOR)[0], "scripted") == (result, result["strategy"])


def test_a_signal_on_the_last_bar_makes_no_order_and_what_is_open_is_closed() -> None:
    """The end is no exit by the rule."""
    request = request_of(script(3, enter_short=(0,), leave_short=(2,)), [10_000] * 3, [5_000] * 3)
    for engine in (EVENT, VECTOR):
        _, trades, _ = run(request, engine)
        assert ["end_of_data"] * 2 == [trade.exit_reason for trade in trades]


@pytest.mark.parametrize("engine", [EVENT, VECTOR])
def test_a_jump_of_the_short_leg_ruins_the_run_at_that_bar(engine: EngineChoice) -> None:
    """Equity at or below zero liquidates both legs at that close."""
    request = request_of(
        script(6, enter_long=(0,), leave_long=(5,)),
        [10_000] * 6,
        [5_000, 5_000, 15_000, 5_000, 5_000, 5_000],
    )
    result, trades, rows = run(request, engine)
    assert result["ruined"]
    assert (3, 3, "0") == (result["bars"], len(rows), result["final_capital"])
    assert ["ruined"] * 2 == [trade.exit_reason for trade in trades]


@pytest.mark.parametrize("engine", [EVENT, VECTOR])
def test_a_size_that_rounds_to_nothing_is_told(engine: EngineChoice) -> None:
    """The spread is not opened, on either leg, and the notes count it."""
    legs = (A, leg(BITCOIN, "B", "1"))
    request = request_of(script(5, enter_long=(1, 2)), [10_000] * 5, [600_000] * 5, legs)
    result, trades, _ = run(request, engine)
    assert not trades
    (note,) = result["notes"]
    assert note.startswith("2 spreads were not opened: ")
    assert "rounds to nothing" in note


PERPETUALS = leg(LINEAR_PERPETUAL, "A"), leg(LINEAR_PERPETUAL, "B")
PAID_AT = {
    # seconds after the close of the first bar -> what is held of the first leg then
    "before the entry can fill": (0, {"next-open": 0, "next-close": 0}),
    "inside the bar of the entry": (30, {"next-open": 50, "next-close": 0}),
    "at the close of the entry's bar": (60, {"next-open": 50, "next-close": 50}),
    "at the open of the exit's bar": (180, {"next-open": 50, "next-close": 50}),
    "inside the bar of the exit": (210, {"next-open": 0, "next-close": 50}),
    "at the close of the exit's bar": (240, {"next-open": 0, "next-close": 0}),
}


@pytest.mark.parametrize("timing", FillTiming)
@pytest.mark.parametrize("case", PAID_AT.values(), ids=list(PAID_AT))
@pytest.mark.parametrize("engine", [EVENT, VECTOR])
def test_funding_is_paid_on_what_is_held_at_its_moment(
    engine: EngineChoice, case: tuple[int, dict[str, int]], timing: FillTiming
) -> None:
    """Long at 100 from the second bar to the fifth: a rate of one per mille costs 0.1 a unit."""
    seconds, held = case
    plain = request_of(
        script(6, enter_long=(0,), leave_long=(3,)),
        [10_000] * 6,
        [5_000] * 6,
        PERPETUALS,
        config=BacktestConfig(fill=timing),
    )
    moment = plain.source.first_ns + seconds * NS_PER_SECOND
    request = evolve(plain, carry=(FundingRate(PERPETUALS[0].id, moment, Decimal("0.001")),))
    result, _, rows = run(request, engine)
    paid = Decimal(held[timing.value]) * Decimal("-0.1")
    assert ({"USD": f"{paid.normalize():f}"} if paid else {}) == result["funding_received"]
    assert 10_000 + paid == Decimal(result["final_capital"])
    assert float(10_000 + paid) == rows[-1][1]


@pytest.mark.parametrize("engine", [EVENT, VECTOR])
def test_funding_is_reckoned_at_the_venues_price_else_at_the_last_close(
    engine: EngineChoice,
) -> None:
    """Short the second leg, which rises from 50 to 60: 100 units at 50, 60 and a stated 70."""
    plain = request_of(
        script(6, enter_long=(0,)),
        [10_000] * 6,
        [5_000, 5_000, 6_000, 6_000, 6_000, 6_000],
        PERPETUALS,
    )
    minute, rate, leg_b = 60 * NS_PER_SECOND, Decimal("0.001"), PERPETUALS[1].id
    rates = (
        FundingRate(leg_b, plain.source.first_ns + 2 * minute - 1, rate),
        FundingRate(leg_b, plain.source.first_ns + 2 * minute, rate),
        FundingRate(leg_b, plain.source.first_ns + 3 * minute, rate, Decimal(70)),
    )
    result, *_ = run(evolve(plain, carry=rates), engine)
    assert {"USD": "18"} == result["funding_received"]


def test_full_margin_counts_both_legs() -> None:
    """With all of the gross exposure covered, a second leg that rose in between is refused, and
    the leg manager takes the first one back."""
    request = request_of(
        script(6, enter_long=(0,), leave_long=(4,)),
        [10_000] * 6,
        [5_000, 5_500, 5_500, 5_500, 5_500, 5_500],
        config=BacktestConfig(margin=MarginModel.FULL),
    )
    result, trades, rows = run(request, EVENT)
    assert any("refused" in note for note in result["notes"])
    assert {"test:A"} == {str(trade.instrument_id) for trade in trades}
    assert (Decimal(0), Decimal(0)) == rows[-1][3]
    assert "10000" == result["final_capital"]


def test_limit_orders_of_the_legs_go_to_the_event_engine() -> None:
    """What leg rules ask for is done; `auto` finds the engine that can."""
    rules = evolve(PATIENT_RULES, orders=LegOrders.LIMIT)
    request = request_of(
        script(4, enter_long=(0,), leave_long=(2,)), [10_000] * 4, [5_000] * 4, rules=rules
    )
    assert "event" == run_spread_backtest(request).engine
    assert "10000" == run(request, EVENT)[0]["final_capital"]


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "margin": ({"config": BacktestConfig(engine=VECTOR, margin=MarginModel.REGT)}, {}, "margin"),
    "rules": ({"rules": evolve(PATIENT_RULES, max_attempts=3)}, {}, "leg rules"),
    "limits": ({"limits": RiskLimits(max_order_notional=Decimal(5))}, {}, "risk limits"),
    "delta": (
        {},
        {"size": SpreadSize(fraction=Decimal(1), neutrality=Neutrality.DELTA)},
        "quantities of base",
    ),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=list(REFUSALS))
def test_the_vector_engine_says_why_it_cannot(
    case: tuple[dict[str, Any], dict[str, Any], str],
) -> None:
    """Asked for by name it refuses; the reason is in the message."""
    more, changes, reason = case
    wanted = evolve(script(3, enter_long=(0,)), **changes)
    config = more.get("config", BacktestConfig(engine=VECTOR))
    request = request_of(wanted, [10_000] * 3, [5_000] * 3, **{**more, "config": config})
    with pytest.raises(RefusedError, match=reason):
        run_spread_backtest(request)
    automatic = evolve(request, config=evolve(config, engine=AUTO))
    assert "event" == run_spread_backtest(automatic).engine


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        ((A, leg(BITCOIN, "B", shortable=False)), "sold short"),
        ((leg(INVERSE_PERPETUAL, "A", "1"), leg(INVERSE_PERPETUAL, "B", "1")), "inverse"),
    ],
)
def test_some_instruments_need_the_event_engine(
    legs: tuple[Instrument, Instrument], reason: str
) -> None:
    """A leg that cannot be short is not opened; inverse contracts are traded bar by bar."""
    vector = BacktestConfig(engine=VECTOR, initial_capital=Decimal(10))
    request = request_of(script(3, enter_long=(0,)), [10_000] * 3, [5_000] * 3, legs, config=vector)
    with pytest.raises(RefusedError, match=reason):
        run_spread_backtest(request)
    result, *_ = run(request, EVENT)
    assert result["bars"] == 3


def test_inverse_legs_are_worth_their_base() -> None:
    """Long 500 dollars at 100 and out at 200 gains 2.5 of base; the short leg, unmoved, nothing."""
    legs = (leg(INVERSE_PERPETUAL, "A", "1"), leg(INVERSE_PERPETUAL, "B", "1"))
    request = request_of(
        evolve(
            script(4, enter_long=(0,), leave_long=(2,)), size=SpreadSize(notional=Decimal(1_000))
        ),
        [10_000, 10_000, 20_000, 20_000],
        [5_000] * 4,
        legs,
        config=BacktestConfig(initial_capital=Decimal(10)),
    )
    result, trades, rows = run(request, EVENT)
    multiplier = legs[0].multiplier
    contracts = Decimal(500) / multiplier
    assert [contracts, contracts] == [trade.quantity for trade in trades]
    assert Decimal("12.5") == Decimal(result["final_capital"])
    assert [10, 10, 12.5, 12.5] == [row[1] for row in rows]


def test_too_few_joint_bars_and_wrong_signals_are_refused() -> None:
    """Both are said before anything is traded."""
    few = request_of(script(3), [10_000] * 3, [5_000] * 3, warmup=4)
    with pytest.raises(NotEnoughData, match="4 joint bars"):
        run_spread_backtest(few)
    wrong = request_of(script(2), [10_000] * 3, [5_000] * 3)
    with pytest.raises(DataError, match="2 of 3 joint bars"):
        run_spread_backtest(wrong)
