"""The engine with a two-leg strategy: spreads through orders, reports, timers, venues and halts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import pytest

from algopioneer_core.domain.commands import (
    Cancel,
    CloseSpread,
    Command,
    OpenSpread,
    RollSpread,
    SetTimer,
    StrategyCommand,
    Submit,
)
from algopioneer_core.domain.events import (
    Event,
    FeedDown,
    FeedUp,
    MarketClosed,
    MarketOpened,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    RiskHalted,
    RiskResumed,
    Split,
    TimerFired,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, JointBar, Quote
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.positions import Position
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.engine.engine import NOTHING, TradingEngine
from algopioneer_core.engine.exit_monitor import ExitMonitor, MarkedLeg
from algopioneer_core.engine.exits import ExitPolicy, ExitVerdict, OpenPosition
from algopioneer_core.engine.leg_clock import LEG_TIMER
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.leg_rules import LatePolicy, LegRules
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Requirements, StrategyContext

FIRST = Instrument.undescribed(InstrumentId("here", "A-USD"))
SECOND = Instrument.undescribed(InstrumentId("there", "B-USD"))
OPEN = OpenSpread(buy=FIRST.id, sell=SECOND.id, size=SpreadSize(fraction=Decimal(1)))
SECOND_NS = NS_PER_SECOND


class Wishing:
    """A strategy that wishes what the test puts into `next`, at joint bars."""

    def __init__(self) -> None:
        self.next: list[StrategyCommand] = []

    def requirements(self) -> Requirements:
        """Need nothing."""
        return Requirements()

    def on_event(self, event: Event, _: StrategyContext) -> Iterable[StrategyCommand]:
        """Give what was put aside, once."""
        if not isinstance(event, JointBar):
            return ()
        wishes, self.next = self.next, []
        return wishes

    def snapshot(self) -> Mapping[str, object]:
        """Remember nothing."""
        return {}

    def restore(self, state: Mapping[str, object]) -> None:
        """Remember nothing."""


class Says:
    """An exit policy with one answer, which keeps what it was shown."""

    name = "says"

    def __init__(self, verdict: ExitVerdict) -> None:
        self.verdict = verdict
        self.seen: list[OpenPosition] = []

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """Give the answer."""
        self.seen.append(position)
        return self.verdict


def _joint(second: int, first: int) -> JointBar:
    """Return a bar of both legs, the second at 50."""
    now_ns = second * SECOND_NS
    bars = tuple(
        Bar(leg.id, now_ns, price, price, price, price, 0, 0, 0, now_ns)
        for leg, price in ((FIRST, first), (SECOND, 50))
    )
    return JointBar(now_ns, bars)


class Desk:
    """An engine of two legs with its strategy and its leg manager."""

    def __init__(
        self,
        rules: LegRules | None = None,
        exits: Sequence[ExitPolicy] = (),
        limits: RiskLimits | None = None,
    ) -> None:
        self.strategy = Wishing()
        self.portfolio = Portfolio([FIRST, SECOND], Decimal(10_000))
        self.orders = OrderManager(order_ids("journal", "nonce", "pair"))
        self.legs = LegManager((FIRST, SECOND), self.portfolio, self.orders, rules or LegRules())
        gate = RiskGate(limits, numeraire="USD") if limits else None
        self.engine = TradingEngine(
            "pair",
            self.strategy,
            self.portfolio,
            self.orders,
            exits=ExitMonitor(exits) if exits else None,
            legs=self.legs,
            risk=gate,
        )
        self._fills = 0

    def bar(self, second: int, *wishes: StrategyCommand, first: int = 100) -> Sequence[Command]:
        """Close a bar of both legs (the second at 50) at which the strategy wishes *wishes*."""
        self.strategy.next = list(wishes)
        return self.engine.handle(_joint(second, first))

    def fill(self, order: Order, second: int, price: int) -> Sequence[Command]:
        """Fill *order* whole."""
        self._fills += 1
        intent = order.intent
        assert intent.quantity is not None
        fill = Fill(
            f"f{self._fills}",
            order.client_order_id,
            intent.instrument_id,
            intent.side,
            intent.quantity,
            Decimal(price),
            Decimal(0),
            "USD",
            Liquidity.TAKER,
            second * SECOND_NS,
        )
        return self.engine.handle(OrderFilled(fill))

    def state(self) -> LegState:
        """Return where the spread is now (a call, so that no checker takes it for constant)."""
        return self.legs.state

    def deadline_ns(self) -> int | None:
        """Return by when a correction must go out (a call, for the same reason)."""
        return self.legs.deadline_ns

    def enter(self) -> None:
        """Open a spread and fill both legs."""
        first, second = submitted(self.bar(1, OPEN))
        self.fill(first, 2, 100)
        self.fill(second, 2, 50)
        assert self.state() is LegState.IN_POSITION


def submitted(commands: Iterable[Command]) -> list[Order]:
    """Return the orders that *commands* send."""
    return [each.order for each in commands if isinstance(each, Submit)]


def test_a_spread_is_opened_and_closed_as_one() -> None:
    """Both legs go out together, and the state follows their fills."""
    desk = Desk()

    first, second = submitted(desk.bar(1, OPEN))

    assert (first.intent.side, first.intent.quantity) == (Side.BUY, Decimal(50))
    assert (second.intent.side, second.intent.quantity) == (Side.SELL, Decimal(100))
    desk.fill(first, 2, 100)
    assert desk.state() is LegState.ENTERING
    desk.fill(second, 2, 50)
    assert desk.state() is LegState.IN_POSITION
    way_out = submitted(desk.bar(3, CloseSpread()))
    for order in way_out:
        desk.fill(order, 4, 100 if order.intent.instrument_id == FIRST.id else 50)
    assert desk.state() is LegState.FLAT
    assert desk.portfolio.cash == Decimal(10_000)


def test_a_spread_is_not_rolled_into_what_is_not_of_its_chain() -> None:
    """The leg manager says why, and the position stays as it is."""
    desk = Desk()
    desk.enter()

    assert desk.bar(3, RollSpread(to=FIRST.id)) is NOTHING
    assert "cannot be rolled" in desk.legs.refusal
    assert desk.state() is LegState.IN_POSITION


def test_an_idle_spread_costs_nothing_at_a_bar() -> None:
    """A bar at which nothing is wished gives the shared empty answer."""
    desk = Desk()

    assert desk.bar(1) is NOTHING
    desk.enter()
    assert desk.bar(3) is NOTHING
    one, now_ns = Decimal(1), 4 * SECOND_NS
    quote = Quote(FIRST.id, now_ns, one, one, one, one, now_ns)
    assert desk.engine.handle(quote) is NOTHING


def test_one_leg_filled_while_the_other_waits_asks_for_nothing_and_the_deadline_runs_on() -> None:
    """The deadline is that of the orders, on the way in and on the way out."""
    desk, window = Desk(), 30 * SECOND_NS
    first, second = submitted(desk.bar(1, OPEN))
    assert desk.deadline_ns() == SECOND_NS + window

    assert desk.fill(first, 2, 100) is NOTHING
    assert desk.deadline_ns() == SECOND_NS + window
    desk.fill(second, 2, 50)
    assert desk.deadline_ns() is None
    first, second = submitted(desk.bar(3, CloseSpread()))
    assert desk.fill(second, 4, 50) is NOTHING
    assert desk.deadline_ns() == 3 * SECOND_NS + window
    desk.fill(first, 4, 100)
    assert desk.state() is LegState.FLAT


def test_one_leg_filled_when_patience_is_over_takes_the_other_back() -> None:
    """A fill that comes too late is looked at like anything else."""
    desk = Desk()
    first, second = submitted(desk.bar(1, OPEN))

    assert Cancel(second.client_order_id) in desk.fill(first, 12, 100)


def test_a_deadline_is_watched_from_the_moment_the_legs_are_out() -> None:
    """The first answer already sets the timer of the leg manager."""
    timers = [each for each in Desk().bar(1, OPEN) if isinstance(each, SetTimer)]

    assert [LEG_TIMER] == [each.name for each in timers]


def test_timer_takes_a_late_leg_back() -> None:
    """When patience is over the late order is cancelled; a strange timer changes nothing."""
    desk = Desk()
    first, second = submitted(desk.bar(1, OPEN))
    desk.fill(first, 2, 100)

    assert desk.engine.handle(TimerFired("mine", 3 * SECOND_NS)) == NOTHING
    commands = desk.engine.handle(TimerFired(LEG_TIMER, 12 * SECOND_NS))

    assert Cancel(second.client_order_id) in commands


def test_venue_whose_clock_is_behind_does_not_end_each_correction_at_once() -> None:
    """
    The deadline of a correction counts from the latest time, not from that of the report before.

    Else its own acknowledgement, by a clock that is ahead by more than the deadline, would halt the
    pair and take it back, and the end of it would bring the next one: without end, without a pause.
    """
    desk, ahead = Desk(), 40
    first, second = submitted(desk.bar(1, OPEN))
    desk.fill(first, 2, 100)
    acknowledged = OrderAccepted(second.client_order_id, ahead * SECOND_NS)
    assert Cancel(second.client_order_id) in desk.engine.handle(acknowledged)
    assert desk.state() is LegState.HALTED

    gone = OrderCanceled(second.client_order_id, 3 * SECOND_NS)
    (correction,) = submitted(desk.engine.handle(gone))

    assert correction.ts_created == ahead * SECOND_NS
    accepted = OrderAccepted(correction.client_order_id, (ahead + 1) * SECOND_NS)
    assert desk.engine.handle(accepted) == NOTHING
    assert desk.state() is not LegState.HALTED


def test_rejected_leg_is_unwound_or_completed() -> None:
    """What one leg was refused, the other does not keep."""
    desk = Desk(LegRules(on_late=LatePolicy.UNWIND))
    first, second = submitted(desk.bar(1, OPEN))
    desk.fill(first, 2, 100)

    (unwind,) = submitted(
        desk.engine.handle(OrderRejected(second.client_order_id, 3 * SECOND_NS, "no"))
    )

    assert (unwind.intent.instrument_id, unwind.intent.side) == (FIRST.id, Side.SELL)
    desk.fill(unwind, 4, 100)
    assert desk.state() is LegState.FLAT


@pytest.mark.parametrize(
    ("down", "up"),
    [
        (FeedDown("there", 0), FeedUp("there", 0)),
        (MarketClosed("there", 0), MarketOpened("there", 0)),
    ],
)
def test_no_spread_is_opened_while_a_venue_is_away(down: Event, up: Event) -> None:
    """A lost feed or a closed market of one leg refuses the spread until it is back."""
    desk = Desk()
    desk.engine.handle(down)

    assert submitted(desk.bar(1, OPEN)) == []
    assert "there" in desk.legs.refusal
    desk.engine.handle(up)
    assert len(submitted(desk.bar(2, OPEN))) == 2


def test_halt_unwinds_an_entry_and_resume_allows_the_next() -> None:
    """Halted while entering: never completed; a halt of another strategy is not ours."""
    desk = Desk()
    first, second = submitted(desk.bar(1, OPEN))
    desk.engine.handle(RiskHalted(2 * SECOND_NS, "stop", "other"))
    assert desk.state() is LegState.ENTERING

    commands = desk.engine.handle(RiskHalted(2 * SECOND_NS, "stop", "pair"))

    assert {Cancel(first.client_order_id), Cancel(second.client_order_id)} <= set(commands)
    for order in (first, second):
        desk.engine.handle(OrderCanceled(order.client_order_id, 3 * SECOND_NS))
    assert desk.state() is LegState.FLAT
    assert submitted(desk.bar(4, OPEN)) == []
    desk.engine.handle(RiskResumed(5 * SECOND_NS, "pair"))
    assert len(submitted(desk.bar(6, OPEN))) == 2


def test_denied_legs_leave_the_spread_flat() -> None:
    """What the risk gate refuses was never opened, and nothing loops."""
    desk = Desk(limits=RiskLimits(max_order_notional=Decimal(1)))

    assert submitted(desk.bar(1, OPEN)) == []
    assert desk.state() is LegState.FLAT


def test_exit_policy_closes_the_spread_as_one_and_under_its_name() -> None:
    """EXIT fires without any wish of the strategy; both legs leave for the policy's reason."""
    policy = Says(ExitVerdict.EXIT)
    desk = Desk(exits=[policy])
    desk.enter()

    orders = submitted(desk.bar(3, OPEN, first=102))

    assert ["says", "says"] == [order.intent.reason for order in orders]
    assert Decimal(100) == policy.seen[-1].net_pnl
    assert Decimal(10_000) == policy.seen[-1].cost


def test_a_missed_bar_counts_for_the_spread_and_closes_nothing() -> None:
    """Its best gain may have been then; what to do about it is judged at the next bar."""
    policy = Says(ExitVerdict.ABSTAIN)
    desk = Desk(exits=[policy])
    desk.enter()
    desk.engine.warm_up(_joint(3, first=105))

    assert desk.bar(4, first=102) == NOTHING
    assert (Decimal(100), Decimal(250)) == (policy.seen[-1].net_pnl, policy.seen[-1].peak_net_pnl)


def test_exit_policy_holds_an_exit_but_not_a_stop() -> None:
    """HOLD drops the strategy's exit; its stop passes."""
    desk = Desk(exits=[Says(ExitVerdict.HOLD)])
    desk.enter()

    assert desk.bar(3, CloseSpread()) == NOTHING
    assert len(submitted(desk.bar(4, CloseSpread("z_stop", stop=True)))) == 2


def test_exit_policies_that_consent_let_the_strategy_leave() -> None:
    """CONSENT changes nothing."""
    desk = Desk(exits=[Says(ExitVerdict.CONSENT)])
    desk.enter()

    assert len(submitted(desk.bar(3, CloseSpread()))) == 2


def test_daily_loss_closes_both_legs() -> None:
    """Flattening a two-leg strategy closes the spread, once."""
    desk = Desk(limits=RiskLimits(daily_loss=Decimal(100)))
    desk.bar(0)
    desk.enter()

    orders = submitted(desk.bar(3, first=90))

    assert ["daily_loss", "daily_loss"] == [order.intent.reason for order in orders]
    assert submitted(desk.bar(4, first=90)) == []


def test_a_split_of_one_leg_leaves_the_spread_even() -> None:
    """Twice as many units of half the price are the same leg."""
    desk = Desk()
    desk.enter()

    assert desk.engine.handle(Split(FIRST.id, 3 * SECOND_NS, 2, 1)) == NOTHING
    assert desk.state() is LegState.IN_POSITION


def test_own_orders_and_spreads_can_be_wished_together() -> None:
    """What is not a spread goes its own way."""
    desk = Desk()

    commands = desk.bar(1, SetTimer("mine", 9), OPEN)

    assert SetTimer("mine", 9) in commands
    assert len(submitted(commands)) == 2


def test_a_spread_without_policies_or_without_legs_is_not_judged() -> None:
    """There is nothing to say about what is not held, or where nobody has an opinion."""
    flat = [MarkedLeg(Position(FIRST), Decimal(100)), MarkedLeg(Position(SECOND), Decimal(50))]

    assert ExitMonitor().on_spread(flat, 1) is None
    assert ExitMonitor([Says(ExitVerdict.EXIT)]).on_spread(flat, 1) is None


def test_the_best_gain_of_a_spread_is_remembered_and_survives_a_restart() -> None:
    """Its peak is that of the sum of both legs, not the sum of two peaks."""
    policy = Says(ExitVerdict.CONSENT)
    monitor = ExitMonitor([policy])
    long = Position(FIRST, Decimal(1), Decimal(100))
    short = Position(SECOND, Decimal(-2), Decimal(-100))

    monitor.on_spread([MarkedLeg(long, Decimal(110)), MarkedLeg(short, Decimal(50))], 1)
    again = ExitMonitor([policy])
    again.restore(json.loads(json.dumps(monitor.snapshot())))
    again.on_spread([MarkedLeg(long, Decimal(100)), MarkedLeg(short, Decimal(48))], 2)

    assert (Decimal(4), Decimal(10)) == (policy.seen[-1].net_pnl, policy.seen[-1].peak_net_pnl)
    again.on_spread([MarkedLeg(long, Decimal(111)), MarkedLeg(short, Decimal(50))], 3)
    assert Decimal(11) == policy.seen[-1].peak_net_pnl
