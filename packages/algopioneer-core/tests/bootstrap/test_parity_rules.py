"""A strategy is tested under the rules of its session, as far as one strategy can be alone."""

from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from algopioneer_core.bootstrap.parity_rules import parity_rules
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.parity.backtested import Rules
from algopioneer_core.ports import FeeRates
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.simulation.config import MarginModel
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.sessions import Flipper, session_plan, strategy_plan

OTHER = Instrument.undescribed(InstrumentId("other", "A"))
LIMITS = RiskLimits(
    daily_loss=Decimal(5),
    max_order_notional=Decimal(7),
    max_gross_notional=Decimal(9),
    check_buying_power=True,
)


def strategy(name: str, *instruments: Instrument) -> StrategyPlan:
    """Return the plan of a strategy."""
    return strategy_plan(name, lambda: Flipper(instruments[0].id), *instruments)


async def rules(
    *instruments: Instrument,
    papers: Mapping[str, PaperConfig] | None = None,
    fees: Mapping[str, FeeRates] | None = None,
    others: int = 0,
) -> Rules:
    """Return the rules of a strategy on those instruments, beside so many others."""
    plan = strategy("it", *instruments)
    neighbours = [strategy(f"other {number}", BITCOIN) for number in range(others)]
    own = {"it": RiskLimits(max_positions=1)}
    session = session_plan(plan, *neighbours, limits=LIMITS, strategy_limits=own)
    checked: Any = SimpleNamespace(
        venue=lambda name: SimpleNamespace(paper_config=(papers or {}).get(name))
    )
    venues: Any = {
        name: SimpleNamespace(execution=SimpleNamespace(fees=_telling(rates)))
        for name, rates in (fees or {}).items()
    }
    return await parity_rules(checked, session, plan, venues)


def _telling(rates: FeeRates) -> Any:
    async def fees(_: InstrumentId) -> FeeRates:
        return rates

    return fees


async def test_a_paper_account_fills_as_it_is_configured() -> None:
    """Costs and margin are its own."""
    paper = PaperConfig(taker_fee_bps=Decimal(7), margin=PaperMargin.REGT)
    market = (await rules(BITCOIN, papers={"sim": paper})).market
    assert (market.fees.taker, market.slippage) == (Decimal("0.0007"), Decimal("0.0005"))
    assert market.margin is MarginModel.REGT


@pytest.mark.parametrize(
    ("maker", "pays", "gets"), [("0.001", "0.001", "0"), ("-0.001", "0", "0.001")]
)
async def test_a_live_venue_is_asked_for_its_fees(maker: str, pays: str, gets: str) -> None:
    """What it pays for an order that rested is a rebate; nothing slips."""
    rates = FeeRates(maker=Decimal(maker), taker=Decimal("0.002"))
    market = (await rules(BITCOIN, fees={"sim": rates})).market
    assert (market.fees.maker, market.fees.maker_rebate) == (Decimal(pays), Decimal(gets))
    assert (market.fees.taker, market.slippage) == (Decimal("0.002"), Decimal(0))


async def test_legs_of_two_venues_have_to_be_alike() -> None:
    """A backtest has one rule for both."""
    cheap, dear = PaperConfig(taker_fee_bps=Decimal(1)), PaperConfig(taker_fee_bps=Decimal(2))
    alike = await rules(BITCOIN, OTHER, papers={"sim": cheap, "other": cheap})
    assert alike.market.fees.taker == Decimal("0.0001")
    with pytest.raises(RefusedError, match="fill or charge differently"):
        await rules(BITCOIN, OTHER, papers={"sim": cheap, "other": dear})


async def test_limits_of_one_strategy_alone_are_those_of_its_session() -> None:
    """But for buying power, which nobody knows without an account."""
    found = await rules(BITCOIN, papers={"sim": PaperConfig()})
    assert found.limits is not None
    assert found.limits.max_gross_notional == Decimal(9)
    assert found.limits.daily_loss == Decimal(5)
    assert not found.limits.check_buying_power
    assert found.own_limits == RiskLimits(max_positions=1)


async def test_limits_that_add_up_strategies_are_left_out_beside_others() -> None:
    """What judges an order by itself stays."""
    found = await rules(BITCOIN, papers={"sim": PaperConfig()}, others=1)
    assert found.limits == RiskLimits(max_order_notional=Decimal(7))
