"""Whether an order is absent: what the account holds must not speak against it."""

from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from attrs import define

from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.runtime.reconciler import Reconciler
from algopioneer_core.testing.clocks import VirtualClock
from algopioneer_core.testing.domain import BITCOIN

pytestmark = pytest.mark.parametrize("anyio_backend", ["trio"])
FOREIGN = Decimal(2)


@define
class Account:
    """An account that says what it holds, or cannot."""

    held: str | None

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """Return what is held."""
        if self.held is None:
            raise UnsupportedOperation("positions are not told")
        return {BITCOIN.id: Decimal(self.held)}


def watched(held: str | None) -> tuple[Reconciler, list[str]]:
    """Return a reconciler of one flat strategy beside two foreign coins, and what it tells."""
    portfolio = Portfolio((BITCOIN,), Decimal(1_000))
    portfolio.mark_price(BITCOIN.id, Decimal(100), 0)
    runner = SimpleNamespace(engine=SimpleNamespace(portfolio=portfolio))
    floor = SimpleNamespace(
        runners={"only": runner}, positions=lambda _: list(portfolio.positions.values())
    )
    saved = {"foreign": {str(BITCOIN.id): str(FOREIGN)}}
    told: list[str] = []

    def alarm(_: int, subject: str, text: str, **__: object) -> None:
        told.append(f"{subject}: {text}")

    return Reconciler(
        BITCOIN.id.venue,
        cast("Any", Account(held)),
        cast("Any", None),
        cast("Any", floor),
        cast("Any", SimpleNamespace(latest_snapshot=lambda _: (1, saved))),
        VirtualClock(),
        alarm=cast("Any", alarm),
        every_ns=1,
        draw=lambda: 0.5,
    ), told


def order(side: Side = Side.BUY, **size: Any) -> Order:
    """Return an order of three coins, or of another size."""
    sizes: dict[str, Any] = size or {"quantity": Decimal(3)}
    intent = OrderIntent(instrument_id=BITCOIN.id, side=side, **sizes)
    return Order("a", intent, 0, OrderStatus.UNKNOWN)


@pytest.mark.parametrize(
    ("held", "asked", "absent"),
    [
        ("2", order(), True),
        ("5", order(), False),
        ("2.5", order(), False),
        ("2.5", order(quote_amount=Decimal(100)), False),
        ("6", order(), True),
        ("1", order(), True),
        ("1", order(Side.SELL), False),
        ("5", order(Side.SELL), True),
        ("2.001", order(), True),
        (None, order(), True),
    ],
    ids=[
        "nothing moved",
        "all of it was bought",
        "a part of it was bought",
        "bought for an amount",
        "more was bought than it wanted",
        "something was sold",
        "something was sold by a sale",
        "something was bought during a sale",
        "too little to matter",
        "holdings cannot be told",
    ],
)
async def test_what_the_account_holds_is_evidence(
    held: str | None, asked: Order, absent: bool
) -> None:
    """An order may have traded where its instrument moved its way, by no more than it wanted."""
    reconciler, told = watched(held)

    assert absent is await reconciler.agrees(asked)
    assert absent is not bool(told)


async def test_a_person_is_told_once_what_stands_in_the_way() -> None:
    """It names the order, and what is held that nothing explains."""
    reconciler, told = watched("4")

    assert not await reconciler.agrees(order())
    assert not await reconciler.agrees(order())

    (said,) = told
    assert f"order a is in no list of {BITCOIN.id.venue}" in said
    assert f"2 of {BITCOIN.id} is held" in said
