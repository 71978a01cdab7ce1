"""Each class of divergence, planted into a session, and named with its class."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.domain.money import Increment
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.parity.causes import Cause
from algopioneer_core.parity.compare import Verdict
from algopioneer_core.parity.decisions import DecisionKind
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.simulation.config import FillTiming
from algopioneer_core.simulation.spread_backtest import PATIENT_RULES
from algopioneer_core.testing.parity import PAPER, judged, record, wandering_bars
from algopioneer_core.testing.sessions import Flipper, SpreadFlipper, strategy_plan

pytestmark = pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)

A, B, C = (Instrument.undescribed(InstrumentId("replay", name)) for name in "ABC")
BARS: Final = wandering_bars(A.id)
THREE: Final = [BARS, wandering_bars(B.id, seed=43), wandering_bars(C.id, seed=41)]
AT: Final = 30
"""The bar with which something is wrong: a fall after two rises, so that something is held."""


class Spender:
    """Buys for an amount of money after a rise, and sells everything after a fall."""

    def __init__(self, instrument_id: InstrumentId) -> None:
        self._id = instrument_id

    def requirements(self) -> Requirements:
        """Need nothing."""
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Decide on a bar."""
        if not isinstance(event, Bar) or context.has_working_orders:
            return []
        held = context.quantity(self._id)
        if event.close > event.open and not held:
            spend = Decimal(5000)
            return [OrderIntent(instrument_id=self._id, side=Side.BUY, quote_amount=spend)]
        if event.close < event.open and held:
            return [OrderIntent(instrument_id=self._id, side=Side.SELL, quantity=held)]
        return []

    def snapshot(self) -> Mapping[str, object]:
        """Remember nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Remember nothing."""


class Plunger(Spender):
    """Sells more than it can buy back, once."""

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Decide on the first bar."""
        if not isinstance(event, Bar) or event.ts_event != BARS[0].ts_event:
            return []
        quantity = Decimal(40_000)
        return [OrderIntent(instrument_id=A.id, side=Side.SELL, quantity=quantity)]


class Stumbler(Flipper):
    """Fails once, for good, when it is shown the price of one bar."""

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Decide on a bar, but for one."""
        if isinstance(event, Bar) and event.ts_event == BARS[AT].ts_event:
            raise ValueError("this price is unheard of")
        return super().on_event(event, context)


def flip(quantity: str = "10", **terms: Any) -> StrategyPlan:
    """Return the plan of a strategy that buys after a rise and sells after a fall."""
    return strategy_plan("flip", lambda: Flipper(A.id, quantity=quantity), A, **terms)


def spend(instrument: Instrument = A) -> StrategyPlan:
    """Return the plan of a strategy that buys for an amount."""
    return strategy_plan("spend", lambda: Spender(A.id), instrument)


class Basket(Spender):
    """The same with each of several instruments, whose bars come together."""

    def __init__(self, *ids: InstrumentId) -> None:
        self._parts = [Spender(each) for each in ids]

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Decide on each bar of a joint one."""
        bars = event.bars if isinstance(event, JointBar) else ()
        return [
            wish
            for part, bar in zip(self._parts, bars, strict=False)
            for wish in part.on_event(bar, context)
        ]


def basket(**terms: Any) -> StrategyPlan:
    """Return the plan of a strategy that trades three instruments, each by itself."""
    return strategy_plan("basket", lambda: Basket(A.id, B.id, C.id), A, B, C, **terms)


def pair() -> StrategyPlan:
    """Return the plan of a strategy of two legs, as a replayed session has it."""
    return strategy_plan("pair", lambda: SpreadFlipper(A.id, B.id), A, B, legs=PATIENT_RULES)


def diverges(verdict: Verdict, cause: Cause, kind: DecisionKind) -> None:
    """Check where two runs part, and why."""
    found = verdict.divergence
    assert found is not None
    assert (found.cause, verdict.equal) == (cause, found.place)
    decision = found.session or found.backtest
    assert decision is not None
    assert decision.kind is kind


@pytest.mark.parametrize("fill", FillTiming)
async def test_a_session_on_paper_is_its_backtest(fill: FillTiming) -> None:
    """Decision by decision, to the last bar, with costs."""
    paper = evolve(PAPER, fill=fill)
    for plan, market in (
        (flip(), [BARS]),
        (spend(), [BARS]),
        (pair(), [BARS, wandering_bars(B.id, seed=43)]),
        (basket(capital=Decimal(50_000)), THREE),
    ):
        verdict = judged(plan, await record(plan, market, paper), market, paper)
        assert verdict.divergence is None
        assert verdict.fills > 20
        assert verdict.notes == ()


async def test_a_bar_that_was_missed_is_a_data_gap() -> None:
    """The session never had it, and decided later, or not."""
    disk = await record(flip(), [[*BARS[:AT], *BARS[AT + 1 :]]])
    verdict = judged(flip(), disk, [BARS])
    diverges(verdict, Cause.DATA_GAP, DecisionKind.SIGNAL)
    assert verdict.divergence is not None
    assert "never had the bar of replay:A until 2023-11-14T22:45" in verdict.divergence.why


async def test_a_bar_in_which_an_order_would_have_filled_is_a_data_gap() -> None:
    """The order was made before it: what differs first is the fill, which is later."""
    disk = await record(flip(), [[*BARS[: AT + 1], *BARS[AT + 2 :]]])
    verdict = judged(flip(), disk, [BARS])
    diverges(verdict, Cause.DATA_GAP, DecisionKind.FILL)


async def test_a_bar_that_only_the_session_had_is_a_data_gap_of_the_backtest() -> None:
    """The history that it is compared with has a hole."""
    disk = await record(flip(), [BARS])
    verdict = judged(flip(), disk, [[*BARS[:AT], *BARS[AT + 1 :]]])
    diverges(verdict, Cause.DATA_GAP, DecisionKind.SIGNAL)
    assert verdict.divergence is not None
    assert "the backtest's data lack" in verdict.divergence.why


async def test_a_bar_seen_before_it_closed_is_an_unfinished_bar() -> None:
    """It opened as the finished one, and went no farther."""
    whole = BARS[AT]
    start = whole.open_ticks
    early = whole._replace(high_ticks=start, low_ticks=start, close_ticks=start, volume_lots=10)
    disk = await record(flip(), [[*BARS[:AT], early, *BARS[AT + 1 :]]])
    diverges(judged(flip(), disk, [BARS]), Cause.UNFINISHED_BAR, DecisionKind.SIGNAL)


async def test_a_fill_later_than_the_bar_is_latency() -> None:
    """The account of the session took a bar longer."""
    disk = await record(flip(), [BARS], evolve(PAPER, latency_bars=1))
    verdict = judged(flip(), disk)
    diverges(verdict, Cause.LATENCY, DecisionKind.FILL)
    assert verdict.divergence is not None
    assert "traded 1 m later" in verdict.divergence.why


async def test_a_fill_in_parts_is_latency() -> None:
    """The session's account took a share of each bar's volume only."""
    disk = await record(flip(), [BARS], evolve(PAPER, volume_limit=Decimal("0.004")))
    verdict = judged(flip(), disk)
    diverges(verdict, Cause.LATENCY, DecisionKind.FILL)
    assert verdict.divergence is not None
    assert "at first 4 in the session and 10 in the backtest" in verdict.divergence.why


@pytest.mark.parametrize("plan", [flip(), spend()], ids=["quantity", "amount"])
async def test_another_price_in_the_same_bar_is_a_fill_price(plan: StrategyPlan) -> None:
    """Also where an amount of money was spent, so that the quantity is another too."""
    disk = await record(plan, [BARS], evolve(PAPER, slippage_bps=Decimal(4)))
    verdict = judged(plan, disk)
    diverges(verdict, Cause.FILL_PRICE, DecisionKind.FILL)
    assert verdict.divergence is not None
    assert "1.5 bps apart" in verdict.divergence.why


async def test_of_several_instruments_the_one_whose_bar_was_missed_is_named() -> None:
    """A strategy of three is compared as one of one is."""
    plan = basket(capital=Decimal(50_000))
    missed = [[bar for number, bar in enumerate(THREE[1]) if number != AT], THREE[2]]
    verdict = judged(plan, await record(plan, [BARS, *missed]), THREE)
    found = verdict.divergence
    assert found is not None
    assert (found.cause, verdict.equal) == (Cause.DATA_GAP, found.place)


async def test_another_grid_of_quantities_is_rounding() -> None:
    """What the amount buys was cut off at another decimal."""
    coarse = evolve(A, quantity_increment=Increment(Decimal("0.001")))
    disk = await record(spend(coarse), [BARS])
    diverges(judged(spend(), disk), Cause.ROUNDING, DecisionKind.FILL)


async def test_legs_on_another_grid_are_rounding() -> None:
    """Here the orders differ already, before they fill."""
    market = [BARS, wandering_bars(B.id, seed=43)]
    coarse = evolve(B, quantity_increment=Increment(Decimal("0.1")))
    disk = await record(evolve(pair(), instruments=(A, coarse)), market)
    diverges(judged(pair(), disk, market), Cause.ROUNDING, DecisionKind.ORDER)


@pytest.mark.parametrize("plan", [flip(), spend()], ids=["quantity", "amount"])
async def test_another_share_of_the_value_is_a_fee(plan: StrategyPlan) -> None:
    """Also where the fee is paid out of the amount, so that the quantity is another too."""
    disk = await record(plan, [BARS], evolve(PAPER, taker_fee_bps=Decimal(12)))
    verdict = judged(plan, disk)
    diverges(verdict, Cause.FEE, DecisionKind.FILL)
    assert verdict.divergence is not None
    assert "(12 bps) in the session" in verdict.divergence.why


async def test_another_parameter_is_configuration() -> None:
    """The journal knows that the strategy was configured otherwise."""
    disk = await record(flip("11", fingerprint="eleven"), [BARS])
    diverges(judged(flip(fingerprint="ten"), disk), Cause.CONFIGURATION, DecisionKind.SIGNAL)


async def test_bars_of_another_market_are_configuration() -> None:
    """They cannot be the same bars, unfinished: they opened elsewhere."""
    disk = await record(flip(), [BARS])
    other = [bar._replace(close_ticks=bar.close_ticks + 1, open_ticks=bar.open_ticks + 1,
                          high_ticks=bar.high_ticks + 1) for bar in BARS]  # fmt: skip
    diverges(judged(flip(), disk, [other]), Cause.CONFIGURATION, DecisionKind.FILL)


async def test_a_limit_that_only_one_of_them_has_is_configuration() -> None:
    """The order that is refused says which limit."""
    disk = await record(flip(), [BARS])
    limits = RiskLimits(max_order_notional=Decimal(100))
    for verdict in (
        judged(flip(), disk, limits=limits),
        judged(flip(), disk, own_limits=limits),
    ):
        assert verdict.divergence is not None
        assert verdict.divergence.cause is Cause.CONFIGURATION
        assert "max_order_notional" in verdict.divergence.why


async def test_an_account_that_is_ruined_in_one_of_them_is_configuration() -> None:
    """A backtest ends there; a paper account without margin rules goes on."""
    plan = strategy_plan("short", lambda: Plunger(A.id), A)
    verdict = judged(plan, await record(plan, [BARS]))
    diverges(verdict, Cause.CONFIGURATION, DecisionKind.FILL)
    assert verdict.divergence is not None
    assert "nothing was left of the account" in verdict.divergence.why


async def test_a_halt_by_hand_is_an_intervention(tmp_path: Path) -> None:
    """No backtest knows what people ask for."""
    with ControlBox(tmp_path / "session.journal") as box:
        box.request(ControlAction.HALT, ts_ns=1, strategy="flip", reason="lunch")
        disk = await record(flip(), [BARS], control=box)
    verdict = judged(flip(), disk)
    assert verdict.divergence is not None
    assert verdict.divergence.cause is Cause.INTERVENTION
    assert "halt" in verdict.divergence.why


async def test_a_crash_is_an_intervention_until_the_backtest_crashes_too() -> None:
    """One that fails in both at the same bar is equal up to there."""
    stumble = strategy_plan("flip", lambda: Stumbler(A.id, quantity="10"), A)
    disk = await record(stumble, [BARS])
    verdict = judged(flip(), disk)
    assert verdict.divergence is not None
    assert verdict.divergence.cause is Cause.INTERVENTION
    assert "unheard of" in verdict.divergence.why
    assert judged(stumble, disk).equal >= verdict.equal


async def test_a_strategy_that_does_not_repeat_itself_is_unexplained() -> None:
    """Nothing else differs."""
    disk = await record(flip("11"), [BARS])
    verdict = judged(flip(), disk)
    diverges(verdict, Cause.UNEXPLAINED, DecisionKind.SIGNAL)


async def test_a_gap_that_changed_no_decision_is_told_and_is_no_divergence() -> None:
    """The verdict is about decisions."""
    still = [bar._replace(open_ticks=9_000, high_ticks=9_000, low_ticks=9_000, close_ticks=9_000)
             for bar in BARS]  # fmt: skip
    disk = await record(flip(), [[*still[:AT], *still[AT + 1 :]]])
    verdict = judged(flip(), disk, [still])
    assert verdict.divergence is None
    [note] = verdict.notes
    assert note.startswith("data gap: the session never had the bar")


async def test_a_strategy_that_cannot_be_made_is_refused() -> None:
    """There is nothing to compare; two rows without a decision would be equal."""
    disk = await record(flip(), [BARS])

    def fail() -> Flipper:
        raise ValueError("no such window")

    with pytest.raises(RefusedError, match="no such window"):
        judged(evolve(flip(), make=fail), disk)


async def test_bars_that_end_before_the_session_are_refused() -> None:
    """A backtest of nothing says nothing."""
    disk = await record(flip(), [BARS])
    with pytest.raises(RefusedError, match="no bars to compare with"):
        judged(flip(), disk, [[]])
