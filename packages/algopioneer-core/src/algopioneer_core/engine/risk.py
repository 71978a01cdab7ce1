"""
The risk gate: the last word before an order is made, shared by all engines of a session.

There are two scopes with the same limits: the session (all strategies together) and each strategy
that has limits of its own. An order has to pass both. How an order is judged:

1. *Restricted?* A halt, an unknown equity where a daily loss is limited, or a stage of the daily
   loss leaves only reductions (stage `NO_NEW_POSITIONS`: also more of what is held).
2. *A reduction* - no larger than what the strategy's own position and open orders leave to reduce -
   passes, halted or not. Only a collar around a fresh price and the venue's minimums can refuse it;
   it counts for the order rate but is not refused by it.
3. *An order that would cross zero* while only reductions pass, or that is marked `reduce_only`, is
   cut to the reduction, rounded down to the instrument's grid; a quote-sized one is turned into a
   quantity at the mark first. When nothing is left it is refused.
4. *Everything else* has to pass every limit that is set. A limit that needs a price, a conversion
   or an equity that is missing refuses.

An engine asks, and records an approved order among its open orders before anything else is asked:
open orders count as if filled, so what is approved is never approved twice. A question reads the
equity of every strategy, so a price is brought to all of them before one asks about it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.money import ONE, Money, Quantity
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.daily_loss import LossStage
from algopioneer_core.engine.exposure import ExposureView, mark_of, reducible
from algopioneer_core.engine.risk_checks import Denied, Limit, OrderCase, Rates
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.risk_reduction import AS_ASKED, Approved, first_refusal, reduced
from algopioneer_core.engine.risk_scope import RiskScope
from algopioneer_core.engine.trading_day import TradingCalendar

__all__ = [
    "Approved",
    "Denied",
    "Limit",
    "LossStage",
    "OrderRequest",
    "Reduces",
    "RiskGate",
    "own_reduction",
]


class OrderRequest(NamedTuple):
    """What an engine asks."""

    strategy: str
    intent: OrderIntent
    ts_ns: int
    """Time of the event that led to it, UTC nanoseconds."""


Reduces: TypeAlias = Callable[[OrderRequest, ExposureView], Quantity]
"""Says how much of an order is a reduction. A pair will be judged as one by another such rule."""

_NOTHING_TO_REDUCE: Final = Denied(Limit.REDUCE_ONLY, "there is nothing left to reduce")


def own_reduction(request: OrderRequest, view: ExposureView) -> Quantity:
    """Return the reduction that the strategy's own position in the one instrument leaves."""
    instrument_id = request.intent.instrument_id
    mark = mark_of(view, instrument_id)
    return reducible(view.exposure(instrument_id), request.intent.side, mark and mark.price)


class RiskGate:
    """
    Approves or refuses orders; pure, and remembers only what `snapshot` tells.

    Args:
        limits: Of the session: over the sum of all strategies.
        strategy_limits: Further limits of single strategies, by name.
        numeraire: The asset in which limits and equities are stated.
        rates: Worth of other assets in the numeraire at present; None where it is not known.
            Without it only instruments quoted in the numeraire can be judged.
        calendar: When trading days begin; the time and zone of the limits without it.
        reduces: Says how much of an order is a reduction.
    """

    def __init__(
        self,
        limits: RiskLimits,
        *,
        numeraire: str,
        strategy_limits: Mapping[str, RiskLimits] | None = None,
        rates: Rates | None = None,
        calendar: TradingCalendar | None = None,
        reduces: Reduces = own_reduction,
    ) -> None:
        def known(asset: str) -> Decimal | None:
            if asset == numeraire:
                return ONE
            return None if rates is None else rates(asset)

        self._session = RiskScope(limits, known, calendar)
        self._own = {
            name: RiskScope(each, known, calendar) for name, each in (strategy_limits or {}).items()
        }
        self._views: dict[str, ExposureView] = {}
        self._reduces = reduces
        self._limits_off = all(scope.limits.is_off for scope in self._scopes())
        self.is_off = self._limits_off
        """Whether nothing is limited or halted, so that an engine need not ask. Read only."""
        self.follows_loss = any(scope.limits.limits_daily_loss for scope in self._scopes())
        """Whether a day's loss is limited, so that equities are to be told. Read only."""

    def _scopes(self, strategy: str | None = None) -> tuple[RiskScope, ...]:
        """Return the session's scope and that of one strategy, or of all."""
        if strategy is None:
            return (self._session, *self._own.values())
        own = self._own.get(strategy)
        return (self._session,) if own is None else (self._session, own)

    def register(self, view: ExposureView) -> None:
        """Count a strategy from now on; one of the same name (restarted) takes its place."""
        self._views[view.strategy] = view
        for scope in self._scopes(view.strategy):
            scope.admit(view)

    def withdraw(self, strategy: str) -> None:
        """Stop counting a strategy that was removed; its gain of today still counts today."""
        self._views.pop(strategy, None)
        for scope in self._scopes(strategy):
            scope.withdraw(strategy)

    # --- what happens ------------------------------------------------------------------------

    def on_equity(self, strategy: str, ts_ns: int, equity: Money | None) -> LossStage:
        """
        Take note of one strategy's equity in the numeraire; None when it is not known.

        Returns:
            The stage that now holds for the strategy: its own or the session's, if harder.

        Raises:
            RefusedError: The strategy is not registered.
        """
        self.on_equities(ts_ns, {strategy: equity})
        return self.stage(strategy)

    def on_equities(self, ts_ns: int, equities: Mapping[str, Money | None]) -> None:
        """
        Take note of the equities of several strategies at one time, and judge them together.

        Where one price moves several strategies, reporting them one by one would judge the loss of
        the first without the gain of the second.

        Raises:
            RefusedError: A strategy is not registered; nothing was taken note of.
        """
        for strategy in equities:
            self._check_known(strategy)
        self._session.report(ts_ns, equities)
        for strategy, equity in equities.items():
            own = self._own.get(strategy)
            if own is not None:
                own.report(ts_ns, {strategy: equity})

    def on_transfer(self, strategy: str, ts_ns: int, amount: Money | None) -> None:
        """
        Take note of money paid into (positive) or out of a strategy's capital; no gain or loss.

        Told before the first equity that contains it. None, where its worth in the numeraire is
        not known, leaves the day's loss unknown until the next trading day.

        Raises:
            RefusedError: The strategy is not registered.
        """
        self._check_known(strategy)
        for scope in self._scopes(strategy):
            scope.transfer(strategy, ts_ns, amount)

    def rebuild(self, strategy: str, boundary_equity: Money) -> None:
        """
        Set a strategy's equity at the start of the present trading day, found from history.

        Raises:
            RefusedError: The strategy is not registered.
        """
        self._check_known(strategy)
        for scope in self._scopes(strategy):
            scope.rebuild(strategy, boundary_equity)

    def _check_known(self, strategy: str) -> None:
        if strategy not in self._views:
            raise RefusedError("the risk gate does not know this strategy", where=strategy)

    # --- halts and stages --------------------------------------------------------------------

    def halt(self, reason: str, *, strategy: str | None = None) -> None:
        """
        Let only reductions pass until `resume`, for one strategy or for the session.

        The first reason stays until it is resumed.
        """
        self._halt_scope(strategy).halt(reason)
        self.is_off = False

    def resume(self, *, strategy: str | None = None) -> None:
        """Lift a halt. A stage of the daily loss stands until the next trading day."""
        self._halt_scope(strategy).resume()
        self._settle()

    def _halt_scope(self, strategy: str | None) -> RiskScope:
        if strategy is None:
            return self._session
        scope = self._own.get(strategy)
        if scope is None:
            scope = self._own[strategy] = RiskScope(RiskLimits(), lambda _: None)
        return scope

    def _settle(self) -> None:
        halted = any(scope.halted is not None for scope in self._scopes())
        self.is_off = self._limits_off and not halted

    def halted(self, strategy: str | None = None) -> str | None:
        """Return why the strategy, or the session, is halted; None when it is not."""
        if strategy is None:
            return self._session.halted
        reasons = (scope.halted for scope in self._scopes(strategy))
        return next((reason for reason in reasons if reason is not None), None)

    def stage(self, strategy: str) -> LossStage:
        """Return the stage that holds for a strategy: its own or the session's, if harder."""
        return max(scope.stage for scope in self._scopes(strategy))

    def day_pnl(self, strategy: str | None = None) -> Money | None:
        """
        Return the trading day's gain of the session, or of a strategy with limits of its own.

        None when it is not known or not followed.
        """
        scope = self._session if strategy is None else self._own.get(strategy)
        return None if scope is None else scope.day_pnl

    # --- the question ------------------------------------------------------------------------

    def check(self, request: OrderRequest) -> Approved | Denied:
        """
        Judge one order (see the module's text for the rules).

        An approval counts for the order rate, so an approved order is to be sent, once.
        """
        view = self._views.get(request.strategy)
        if view is None:
            return Denied(Limit.STRATEGY, f"strategy {request.strategy} is not registered")
        scopes = self._scopes(request.strategy)
        for scope in scopes:
            scope.refresh(request.ts_ns)
        verdict = self._judge(request, view, scopes)
        if isinstance(verdict, Approved):
            for scope in scopes:
                scope.count(request.ts_ns)
        return verdict

    def _judge(
        self, request: OrderRequest, view: ExposureView, scopes: tuple[RiskScope, ...]
    ) -> Approved | Denied:
        case = self._case(request, view)
        restriction = first_refusal(scope.restriction(case) for scope in scopes)
        if restriction is not None:
            return reduced(case, scopes, restriction)
        quantity = request.intent.quantity
        reduces = quantity is not None and quantity <= case.reducible
        if reduces or request.intent.reduce_only:
            return reduced(case, scopes, _NOTHING_TO_REDUCE)
        return first_refusal(scope.judge(case) for scope in scopes) or AS_ASKED

    def _case(self, request: OrderRequest, view: ExposureView) -> OrderCase:
        instrument_id = request.intent.instrument_id
        return OrderCase(
            request.intent,
            view,
            view.exposure(instrument_id),
            mark_of(view, instrument_id),
            request.ts_ns,
            self._reduces(request, view),
        )

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """Return halts, order times and trading days as JSON values."""
        return {
            "session": self._session.snapshot(),
            "strategies": {name: scope.snapshot() for name, scope in self._own.items()},
        }

    def restore(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """
        Become what `snapshot` described, with the limits of today.

        Strategies are registered before or after. Equities count as unknown until they are
        reported; a strategy that does not come back is to be withdrawn.
        """
        self._session.restore(state["session"])
        for name, saved in state["strategies"].items():
            if name in self._own or saved["halted"] is not None:
                self._halt_scope(name).restore(saved)
        self._settle()
