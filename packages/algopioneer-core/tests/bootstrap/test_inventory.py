"""What strategies set aside of an account's holdings."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import pytest
from attrs import frozen

from algopioneer_core.bootstrap.inventory import Inventories
from algopioneer_core.config.session import read_session
from algopioneer_core.config.session_tables import StrategyTable
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Increment, Quantity
from algopioneer_core.ports import Venue

pytestmark = pytest.mark.parametrize("anyio_backend", ["trio"])
COIN, ETHER, OTHER = (InstrumentId("shop", name) for name in ("BTC-USD", "ETH-USD", "BTC-EUR"))
TRADED = {
    "shop": [
        Instrument(
            id=each, base=each.symbol[:3], quote="USD", quantity_increment=Increment(Decimal("0.1"))
        )
        for each in (COIN, ETHER, OTHER)
    ]
}
SPREAD = """
[[strategy]]
kind = "pairs"
name = "{name}"
capital = 1000
instruments = ["{first}", "shop:ETH-USD"]
interval = "1m"
[strategy.legs]
short_mode = "inventory"
second_short_mode = "{second}"
"""


@frozen
class Account:
    """An account that holds something; it is its own venue."""

    held: Mapping[InstrumentId, Quantity]

    @property
    def execution(self) -> "Account":
        """Itself."""
        return self

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """Return what is held."""
        return self.held


def tables(tmp_path: Any, *strategies: dict[str, str]) -> tuple[StrategyTable, ...]:
    """Return strategies as a session file states them."""
    path = tmp_path / "run.toml"
    blocks = [SPREAD.format(**{"second": "inventory", **each}) for each in strategies]
    path.write_text("[venue.shop]\n" + "".join(blocks), "utf-8")
    return read_session(path, {}).strategies


async def set_aside(
    strategies: tuple[StrategyTable, ...], **held: str
) -> list[dict[InstrumentId, Quantity]]:
    """Return what each strategy has of an account that holds *held*, by base."""
    holdings = {each.id: Decimal(held.get(each.base, "0")) for each in TRADED["shop"]}
    venues = {"shop": cast("Venue", Account(holdings))}
    inventories = Inventories(strategies, TRADED)
    return [await inventories.of(each, venues) for each in strategies]


async def test_a_strategy_has_all_that_its_legs_may_sell(tmp_path: Any) -> None:
    """Rounded down to what can be traded; a leg that is lent has nothing set aside."""
    both, first = tables(
        tmp_path,
        {"name": "both", "first": "shop:BTC-USD"},
        {"name": "first", "first": "shop:BTC-USD", "second": "margin"},
    )

    (alone,) = await set_aside((both,), BTC="2.55", ETH="20")
    (lent,) = await set_aside((first,), BTC="3", ETH="20")

    assert {COIN: Decimal("2.5"), ETHER: Decimal(20)} == alone
    assert {COIN: Decimal(3)} == lent


async def test_a_coin_of_several_strategies_is_divided(tmp_path: Any) -> None:
    """Also where they trade it against different money: it is one wallet."""
    strategies = tables(
        tmp_path,
        {"name": "dollars", "first": "shop:BTC-USD"},
        {"name": "euros", "first": "shop:BTC-EUR", "second": "margin"},
    )

    dollars, euros = await set_aside(strategies, BTC="0.5", ETH="1")

    assert {COIN: Decimal("0.2"), ETHER: Decimal(1)} == dollars
    assert {OTHER: Decimal("0.2")} == euros


async def test_nothing_is_set_aside_of_what_is_not_there(tmp_path: Any) -> None:
    """Nor of what is owed."""
    (only,) = tables(tmp_path, {"name": "only", "first": "shop:BTC-USD"})

    assert [{COIN: Decimal(0), ETHER: Decimal(0)}] == await set_aside((only,), BTC="-1")
