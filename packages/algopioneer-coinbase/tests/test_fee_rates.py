"""What trading costs: the account's tier, and without a key what the settings state."""

from decimal import Decimal
from typing import Any

from attrs import evolve

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.simulation.paper import open_paper
from algopioneer_core.simulation.paper_config import PaperConfig

SPOT = InstrumentId("coinbase", "BTC-USD")
FUTURE = InstrumentId("coinbase", "BIT-27DEC30-CDE")


async def test_a_paper_account_pays_the_rates_of_the_key(local: Any) -> None:
    """The tier is asked for once of each instrument, and not where the fees are stated."""
    async with local.opened() as venue, open_paper(PaperConfig(), venue) as paper:
        for each in (SPOT, FUTURE, SPOT):
            assert await paper.execution.fees(each) == await venue.execution.fees(each)
        assert 5 == _tiers_asked(local)
        stated = PaperConfig(maker_fee_bps=Decimal(1), taker_fee_bps=Decimal(2))
        async with open_paper(stated, venue) as cheap:
            assert Decimal("0.0002") == (await cheap.execution.fees(SPOT)).taker
        assert 5 == _tiers_asked(local)


async def test_without_a_key_fees_are_those_of_the_settings(local: Any) -> None:
    """No request is made for them; by default they are those of whoever begins."""
    local.config = evolve(local.config, api_key="", api_secret="")
    async with local.opened() as venue:
        rates = await venue.execution.fees(SPOT)
        assert (Decimal("0.005"), Decimal("0.009")) == (rates.maker, rates.taker)
    local.config = evolve(local.config, maker_fee_bps=Decimal(0), taker_fee_bps=Decimal(10))
    async with local.opened() as venue:
        rates = await venue.execution.fees(FUTURE)
        assert (Decimal(0), Decimal("0.001")) == (rates.maker, rates.taker)
    assert 0 == _tiers_asked(local)


def _tiers_asked(local: Any) -> int:
    paths = [each.path for each in local.sandbox.requests]
    return sum(path.endswith("/transaction_summary") for path in paths)
