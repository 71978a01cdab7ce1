"""Under which rules a strategy is tested: fills, costs and limits as its session has them."""

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from algopioneer_core.bootstrap.session_config import CheckedSession
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.money import ZERO, neg
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.parity.backtested import Rules
from algopioneer_core.ports import Venue
from algopioneer_core.runtime.plan import SessionPlan, StrategyPlan
from algopioneer_core.simulation.config import BacktestConfig, FeeModel, MarginModel
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin

__all__ = ["parity_rules"]

_MARGINS: Final[Mapping[PaperMargin, MarginModel]] = {
    PaperMargin.REGT: MarginModel.REGT,
    PaperMargin.FULL: MarginModel.FULL,
}


async def parity_rules(
    checked: CheckedSession, session: SessionPlan, plan: StrategyPlan, venues: Mapping[str, Venue]
) -> Rules:
    """
    Return the rules of one strategy.

    Limits that add up several strategies are left out where there are several: each is tested by
    itself.

    Args:
        checked: The session.
        session: Its plan.
        plan: The strategy's.
        venues: Opened, by name; one that trades with money is asked for its fees.

    Raises:
        RefusedError: The two legs' venues do not fill or charge alike.
        VenueError: A venue does not answer.
    """
    alone = len(session.strategies) == 1
    return Rules(
        market=await _market(checked, plan, venues),
        limits=_without_account(session.limits) if alone else _of_one_order(session.limits),
        own_limits=session.strategy_limits.get(plan.name),
    )


async def _market(
    checked: CheckedSession, plan: StrategyPlan, venues: Mapping[str, Venue]
) -> BacktestConfig:
    names = dict.fromkeys(each.venue for each in plan.instrument_ids)
    markets = [
        _paper_market(paper)
        if (paper := checked.venue(name).paper_config) is not None
        else await _live_market(plan, name, venues[name])
        for name in names
    ]
    if any(each != markets[0] for each in markets[1:]):
        raise RefusedError(
            "the legs' venues fill or charge differently, and a backtest has one rule for both",
            where=plan.name,
            remedy="compare a session whose paper accounts are alike",
        )
    return markets[0]


def _paper_market(paper: PaperConfig) -> BacktestConfig:
    margin = _MARGINS.get(paper.margin, MarginModel.NONE)
    return evolve(paper.simulation(), margin=margin)


async def _live_market(plan: StrategyPlan, name: str, venue: Venue) -> BacktestConfig:
    """Return a market without slippage that charges what the venue does: its taker fee, and what
    it pays or takes for an order that rested."""
    instrument_id = next(each for each in plan.instrument_ids if each.venue == name)
    rates = await venue.execution.fees(instrument_id)
    return BacktestConfig(
        fees=FeeModel(
            maker=max(rates.maker, ZERO),
            taker=rates.taker,
            maker_rebate=max(neg(rates.maker), ZERO),
        )
    )


def _without_account(limits: RiskLimits) -> RiskLimits:
    """Return limits without the one that asks an account for its buying power: there is none."""
    return evolve(limits, check_buying_power=False)


def _of_one_order(limits: RiskLimits) -> RiskLimits:
    """Return the limits that judge an order by itself; the others add up several strategies."""
    return evolve(
        _without_account(limits),
        daily_loss=None,
        daily_loss_fraction=None,
        warn_loss=None,
        no_new_loss=None,
        reduce_loss=None,
        flatten_loss=None,
        max_instrument_notional=None,
        max_gross_notional=None,
        max_positions=None,
        max_orders_per_second=None,
    )
