"""
The engine's side of a two-leg strategy: wishes for spreads become orders, and every event that may
have changed a spread is followed by a look at it.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from algopioneer_core.domain.commands import (
    CloseSpread,
    Command,
    OpenSpread,
    RollSpread,
    SetTimer,
    StrategyCommand,
)
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import (
    Event,
    FeedDown,
    FeedUp,
    MarketClosed,
    MarketOpened,
    RiskHalted,
    RiskResumed,
    Split,
    TimerFired,
)
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.money import ONE
from algopioneer_core.engine.exit_monitor import ExitMonitor, MarkedLeg
from algopioneer_core.engine.exits import ExitOutcome, ExitVerdict
from algopioneer_core.engine.leg_clock import LEG_TIMER
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.engine.order_desk import NOTHING, OrderDesk
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["SpreadDesk"]

_PRICES: Final = frozenset((Bar, JointBar, Quote, Trade))
_TOLD: Final = frozenset(
    (TimerFired, FeedDown, FeedUp, MarketClosed, MarketOpened, RiskHalted, RiskResumed, Split)
)
"""Events that say more to the leg manager than that it is time for a look."""


class SpreadDesk:
    """
    Stands between a two-leg strategy's wishes and the order desk.

    Args:
        name: The strategy's name in the session.
        legs: Works the spread.
        desk: Turns orders into commands.
        portfolio: The strategy's books.
        exits: Exit policies, which judge both legs as one position; None without any.
    """

    def __init__(
        self,
        name: str,
        legs: LegManager,
        desk: OrderDesk,
        portfolio: Portfolio,
        exits: ExitMonitor | None,
    ) -> None:
        self._name = name
        self._legs = legs
        self._desk = desk
        self._portfolio = portfolio
        self._exits = exits

    def carry_out(self, wishes: Iterable[StrategyCommand], now_ns: int) -> Sequence[Command]:
        """
        Return the commands for *wishes*, and whatever the spread needs after them.

        Raises:
            RefusedError: An instrument was not given to the strategy.
        """
        orders: list[StrategyCommand] = []
        for wish in wishes:
            if isinstance(wish, OpenSpread):
                orders.extend(self._legs.open(wish, now_ns))
            elif isinstance(wish, RollSpread):
                orders.extend(self._legs.roll(wish, now_ns))
            elif isinstance(wish, CloseSpread):
                orders.extend(self._legs.close(wish, now_ns))
            else:
                orders.append(wish)
        return self._settle(orders, now_ns)

    def check(self, wish: StrategyCommand) -> None:
        """
        Refuse a wish that can never be carried out here.

        Raises:
            RefusedError: An instrument is not one of the strategy's.
            UnknownOrder: A cancel of what was never ordered.
        """
        if isinstance(wish, OpenSpread | RollSpread):
            for each in (wish.buy, wish.sell) if isinstance(wish, OpenSpread) else (wish.to,):
                if each not in self._portfolio.instruments:
                    raise RefusedError(
                        "the strategy wants a spread in what it was not given",
                        where=each,
                        remedy="name both legs in the strategy's configuration",
                    )
        elif not isinstance(wish, CloseSpread):
            self._desk.check(wish)

    def follow(self, event: Event, done: Sequence[Command], now_ns: int) -> Sequence[Command]:
        """
        Return *done*, and what the spread needs now that *event* has been handled.

        Where the strategy's wishes were carried out (*done*), a look at the spread was the last
        thing that happened; and prices ask for none while no order works.
        """
        kind = type(event)
        if kind in _PRICES and (done or self._legs.is_idle):
            return done
        if kind in _TOLD:
            wishes = self._told(event, now_ns, is_settled=bool(done))
        else:  # nearly always: a report, or a price while orders work
            wishes = () if done else self._legs.review(now_ns)
        if not wishes:
            return done
        more = self._settle(wishes, now_ns)
        return [*done, *more] if done else more

    def judge(
        self, wishes: Iterable[StrategyCommand], now_ns: int, *, finished_bar: bool
    ) -> Iterable[StrategyCommand]:
        """
        Return what exit policies leave of a decision after new marks.

        HOLD drops the strategy's own exit, unless it is a stop. EXIT closes the spread as a stop
        that carries the policy's name, and drops whatever else was wished for it.
        """
        outcome = self._outcome(now_ns, finished_bar=finished_bar)
        if outcome is None or outcome.verdict is ExitVerdict.CONSENT:
            return wishes
        if outcome.verdict is ExitVerdict.HOLD:
            return [each for each in wishes if not isinstance(each, CloseSpread) or each.stop]
        spreads = OpenSpread | RollSpread | CloseSpread
        others = [each for each in wishes if not isinstance(each, spreads)]
        return [*others, CloseSpread(outcome.reason, stop=True)]

    def take_note(self, now_ns: int) -> None:
        """Let the exit policies remember a bar of the past, at which nothing can be done."""
        self._outcome(now_ns, finished_bar=True)

    def _outcome(self, now_ns: int, *, finished_bar: bool) -> ExitOutcome | None:
        if self._exits is None or self._legs.state is not LegState.IN_POSITION:
            return None
        portfolio = self._portfolio
        legs = [
            MarkedLeg(position, mark, portfolio.worth(ONE, position.instrument.settlement_asset))
            for position in portfolio.positions.values()
            if (mark := portfolio.mark(position.instrument.id)) is not None
        ]
        return self._exits.on_spread(legs, now_ns, finished_bar=finished_bar)

    def _told(self, event: Event, now_ns: int, *, is_settled: bool) -> Sequence[StrategyCommand]:
        legs = self._legs
        match event:
            case TimerFired():
                return legs.timer_fired(now_ns) if event.name == LEG_TIMER else ()
            case FeedDown():
                return legs.venue_changed(event.venue, now_ns, up=False)
            case FeedUp():
                return legs.venue_changed(event.venue, now_ns, up=True)
            case MarketClosed():
                return legs.venue_changed(event.venue, now_ns, up=False, cause="market")
            case MarketOpened():
                return legs.venue_changed(event.venue, now_ns, up=True, cause="market")
            case RiskHalted() if event.strategy in (None, self._name):
                return legs.stop_entering(now_ns)
            case RiskResumed() if event.strategy in (None, self._name):
                return legs.resume(now_ns)
            case Split():
                legs.split(event.instrument_id, event.numerator, event.denominator)
                return legs.review(now_ns)
        return () if is_settled else legs.review(now_ns)

    def _settle(self, wishes: Sequence[StrategyCommand], now_ns: int) -> Sequence[Command]:
        """
        Carry out *wishes*, and look at the spread again until it needs nothing more.

        An order that the risk gate denies changes what is to be done, so one look is not enough.
        It ends: the leg manager gives up what was denied, or waits. A timer changes nothing.
        """
        commands: list[Command] = []
        while wishes:
            if type(wishes[0]) is SetTimer and len(wishes) == 1:
                return [*commands, wishes[0]]  # nothing to make or to ask for
            denied = self._desk.denied
            commands.extend(self._desk.carry_out(wishes, now_ns))
            was_denied = self._desk.denied > denied
            wishes = (self._legs.order_denied if was_denied else self._legs.review)(now_ns)
        return commands or NOTHING
