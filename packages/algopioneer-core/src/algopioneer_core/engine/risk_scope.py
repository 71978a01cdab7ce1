"""One set of limits over one group of strategies: the whole session, or a single strategy."""

from collections.abc import Mapping

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.money import Money, Quantity
from algopioneer_core.engine.daily_loss import DailyLoss, LossStage
from algopioneer_core.engine.exposure import ExposureView
from algopioneer_core.engine.order_rate import OrderRate
from algopioneer_core.engine.risk_checks import (
    Denied,
    Limit,
    OrderCase,
    Rates,
    collar,
    is_stale,
    minimums,
    position_checks,
    stale_quote,
)
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.trading_day import TradingCalendar, TradingDay

__all__ = ["RiskScope"]


class RiskScope:
    """
    Limits, and what has to be remembered to hold them.

    Args:
        limits: What is limited.
        rates: Worth of an asset in the numeraire.
        calendar: When trading days begin; the limits' own time and zone without it.
    """

    def __init__(
        self, limits: RiskLimits, rates: Rates, calendar: TradingCalendar | None = None
    ) -> None:
        self.limits = limits
        self.halted: str | None = None
        """Why only reductions pass; None when not halted. Read only."""
        self._views: list[ExposureView] = []
        self._checks = position_checks(limits, self._views, rates)
        most = limits.max_orders_per_second
        self._rate = None if most is None else OrderRate(most)
        self._loss: DailyLoss | None = None
        if limits.limits_daily_loss:
            day = calendar or TradingDay(limits.day_start, limits.day_zone)
            self._loss = DailyLoss(limits, day)

    # --- what happens ------------------------------------------------------------------------

    def admit(self, view: ExposureView) -> None:
        """Count a strategy; one of the same name gives way to it."""
        self._drop_view(view.strategy)
        self._views.append(view)
        if self._loss is not None:
            self._loss.admit(view.strategy)

    def withdraw(self, strategy: str) -> None:
        """Stop counting a strategy; what it gained or lost today still counts today."""
        self._drop_view(strategy)
        if self._loss is not None:
            self._loss.withdraw(strategy)

    def _drop_view(self, strategy: str) -> None:
        self._views[:] = [each for each in self._views if each.strategy != strategy]

    def refresh(self, ts_ns: int) -> None:
        """Read every strategy's equity, where a daily loss is limited."""
        if self._loss is not None:
            self._loss.report(ts_ns, {each.strategy: each.equity for each in self._views})

    def report(self, ts_ns: int, equities: Mapping[str, Money | None]) -> None:
        """Take note of equities; see `DailyLoss.report`."""
        if self._loss is not None:
            self._loss.report(ts_ns, equities)

    def transfer(self, strategy: str, ts_ns: int, amount: Money | None) -> None:
        """Take note of money paid in or out; see `DailyLoss.transfer`."""
        if self._loss is not None:
            self._loss.transfer(strategy, ts_ns, amount)

    def rebuild(self, strategy: str, boundary_equity: Money) -> None:
        """Set the equity at the start of the day; see `DailyLoss.rebuild`."""
        if self._loss is not None:
            self._loss.rebuild(strategy, boundary_equity)

    def halt(self, reason: str) -> None:
        """Let only reductions pass; the first reason stays."""
        self.halted = self.halted or reason

    def resume(self) -> None:
        """Lift the halt."""
        self.halted = None

    def count(self, ts_ns: int) -> None:
        """Take note of an order that was approved."""
        if self._rate is not None:
            self._rate.count(ts_ns)

    # --- judging -----------------------------------------------------------------------------

    @property
    def stage(self) -> LossStage:
        """The stage of the daily loss; NORMAL where none is limited."""
        return LossStage.NORMAL if self._loss is None else self._loss.stage

    @property
    def day_pnl(self) -> Money | None:
        """The day's gain; None when not known or not followed."""
        return None if self._loss is None else self._loss.pnl

    def restriction(self, case: OrderCase) -> Denied | None:
        """Return why *case* may only reduce; None when it may do more."""
        if self.halted is not None:
            return Denied(Limit.HALTED, f"halted: {self.halted}")
        if self._loss is None:
            return None
        if self._loss.pnl is None:
            return Denied(Limit.DAILY_LOSS, "the day's loss is not known: equity is missing")
        stage = self._loss.stage
        grows = stage is LossStage.NO_NEW_POSITIONS and _grows_what_is_held(case)
        if stage < LossStage.NO_NEW_POSITIONS or grows:
            return None
        words = stage.name.lower().replace("_", " ")
        return Denied(Limit.DAILY_LOSS, f"the day's loss has reached the stage: {words}")

    def judge(self, case: OrderCase) -> Denied | None:
        """Return the first limit that refuses an order which may raise exposure."""
        if self._rate is not None and self._rate.is_full(case.ts_ns):
            most = self.limits.max_orders_per_second
            return Denied(Limit.ORDER_RATE, f"there were {most} orders within a second")
        refusal = stale_quote(case, self.limits) or collar(case, self.limits)
        if refusal is None and self.limits.check_minimums:
            refusal = minimums(case, case.intent.quantity)
        if refusal is not None:
            return refusal
        for check in self._checks:
            refusal = check(case)
            if refusal is not None:
                return refusal
        return None

    def judge_reduction(self, case: OrderCase, quantity: Quantity) -> Denied | None:
        """Return the refusal of a reduction by *quantity*: a fresh collar, or a venue's minimum."""
        refusal = None if is_stale(case, self.limits) else collar(case, self.limits)
        if refusal is None and self.limits.check_minimums:
            refusal = minimums(case, quantity, needs_price=False)
        return refusal

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """Return what has to survive a restart, as JSON values."""
        return {
            "halted": self.halted,
            "orders": None if self._rate is None else self._rate.snapshot(),
            "daily_loss": None if self._loss is None else self._loss.snapshot(),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Become what `snapshot` described; what is not limited any more is left out."""
        halted, orders, loss = state["halted"], state["orders"], state["daily_loss"]
        self.halted = None if halted is None else str(halted)
        if self._rate is not None and isinstance(orders, list):
            self._rate.restore(orders)
        if self._loss is not None and isinstance(loss, Mapping):
            self._loss.restore(loss)


def _grows_what_is_held(case: OrderCase) -> bool:
    held = case.exposure.quantity
    return bool(held) and (held > 0) == (case.intent.side is Side.BUY)
