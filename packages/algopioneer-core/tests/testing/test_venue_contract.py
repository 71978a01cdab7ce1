"""The simulated venues keep the contract of venues, and a venue that breaks it is found out."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from attrs import evolve, frozen

from algopioneer_core.domain.capabilities import Capabilities, Capability
from algopioneer_core.domain.events import OrderCanceled
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.domain.money import Price, Quantity
from algopioneer_core.domain.orders import Order, OrderType
from algopioneer_core.ports import Balance, OrderLookup, ProvenAbsent, Venue
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import VirtualClock
from algopioneer_core.testing.contracts import Backstage, Move, OpenVenue, Stage, VenueContract
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.fault_plans import Fault
from algopioneer_core.testing.paper import paper_over, replay_of
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_venue import ReferenceVenue

PRICES = {BITCOIN: [100, 101, 99, 100, 102, 100, 98, 100] * 8}

PAPER: dict[str, Any] = {"taker_fee_bps": Decimal(10), "volume_limit": Decimal("0.05")}
"""Of the thousand that each bar has traded, an order may take fifty."""


async def next_bar(venue: Venue) -> None:
    """Let a replay go on by one bar."""
    async with venue.market_data.subscribe([BITCOIN.id]) as events:
        await events.receive()


def opened(make: Callable[[], Venue]) -> OpenVenue:
    """Return what opens a venue that needs no opening."""

    @asynccontextmanager
    async def open_() -> AsyncIterator[Venue]:
        yield make()

    return open_


class OfBitcoin(VenueContract):
    """What all of them have in common."""

    @pytest.fixture
    def instrument(self) -> Instrument:
        return BITCOIN

    @pytest.fixture
    def far_price(self) -> Price:
        return Decimal(1)

    @pytest.fixture
    def large_quantity(self) -> Quantity:
        return Decimal(70)

    @pytest.fixture
    def move(self) -> Move:
        return next_bar


class TestReplay(OfBitcoin):
    @pytest.fixture
    def open_venue(self) -> OpenVenue:
        return opened(lambda: replay_of(PRICES))


class TestPaperOverAReplay(OfBitcoin):
    @pytest.fixture
    def open_venue(self) -> OpenVenue:
        return opened(lambda: paper_over(PRICES, **PAPER))


def push_quote(clock: VirtualClock) -> Callable[[ReferenceVenue], None]:
    """Return what pushes a quote with plenty of size."""

    def push(venue: ReferenceVenue) -> None:
        now_ns, price, size = clock.now_ns(), Decimal(100), Decimal(50)
        venue.push(Quote(BITCOIN.id, now_ns, price, price, size, size, now_ns))

    return push


@frozen
class BehindTheReference:
    """A reference venue is its own exchange."""

    venue: ReferenceVenue
    secrets: tuple[str, ...] = ()

    async def apply(self, fault: Fault) -> None:
        await self.venue.apply(fault)

    async def reach(self, client_order_id: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.venue.reach(client_order_id)

    async def placed(self) -> list[str]:
        await anyio.lowlevel.checkpoint()
        return list(self.venue.execution.accepted)


class OfTheReference(OfBitcoin):
    """The reference venue, in one of its modes."""

    modes, traded = VenueModes(), BITCOIN

    @pytest.fixture
    def instrument(self) -> Instrument:
        return self.traded

    @pytest.fixture
    def reference(self) -> ReferenceVenue:
        money = PaperConfig(slippage_bps=Decimal(0), taker_fee_bps=Decimal(10))
        return ReferenceVenue([self.traded], VirtualClock(), modes=self.modes, config=money)

    @pytest.fixture
    def open_venue(self, reference: ReferenceVenue) -> OpenVenue:
        return opened(lambda: reference)

    @pytest.fixture
    def backstage(self, reference: ReferenceVenue) -> Backstage:
        return BehindTheReference(reference)

    @pytest.fixture
    def move(self) -> Move:
        push = push_quote(VirtualClock())

        async def quote(venue: Venue) -> None:
            assert isinstance(venue, ReferenceVenue)
            push(venue)

        return quote


class TestReference(OfTheReference):
    pass


class TestReferenceOfTotals(OfTheReference):
    modes = VenueModes(cumulative_fills=True, ids_reusable=True)


COINS = evolve(BITCOIN, shortable=False)
"""What has to be there to be sold."""


class TestReferenceWithoutLookup(OfTheReference):
    modes, traded = VenueModes(lookup=False), COINS


@frozen
class BehindTheShadow(BehindTheReference):
    """What is behind a paper account: the markets of another venue, and no orders there."""

    paper: PaperVenue | None = None

    async def reach(self, client_order_id: str) -> None:
        assert self.paper is not None
        now_ns, price, size = VirtualClock().now_ns(), Decimal(110), Decimal(50)
        async with self.paper.market_data.subscribe([BITCOIN.id]) as events:
            self.venue.push(Quote(BITCOIN.id, now_ns, price, price, size, size, now_ns))
            await events.receive()


class TestPaperOverTheReference(OfBitcoin):
    """Live quotes, and rules that refuse at once."""

    reference: type[ReferenceVenue] = ReferenceVenue

    @pytest.fixture
    def shadow(self) -> ReferenceVenue:
        return self.reference([BITCOIN], VirtualClock())

    @pytest.fixture
    def paper(self, shadow: ReferenceVenue) -> PaperVenue:
        config = PaperConfig(volume_limit=Decimal(1), slippage_bps=Decimal(0))
        return PaperVenue(config, shadow, [BITCOIN])

    @pytest.fixture
    def open_venue(self, paper: PaperVenue) -> OpenVenue:
        return opened(lambda: paper)

    @pytest.fixture
    def backstage(self, shadow: ReferenceVenue, paper: PaperVenue) -> Backstage:
        return BehindTheShadow(shadow, paper=paper)

    @pytest.fixture
    def move(self, shadow: ReferenceVenue) -> Move:
        push = push_quote(VirtualClock())

        async def quote(venue: Venue) -> None:
            async with venue.market_data.subscribe([BITCOIN.id]) as events:
                push(shadow)
                await events.receive()

        return quote


class Modest(ReferenceVenue):
    """A venue that lends nothing and takes plain orders only."""

    @property
    def capabilities(self) -> Capabilities:
        whole = super().capabilities
        gone = (
            Capability.POST_ONLY,
            Capability.IOC,
            Capability.FOK,
            Capability.GTD,
            Capability.STOP_ORDERS,
            Capability.QUOTE_SIZED_ORDERS,
            Capability.SHORT_SELLING,
            Capability.MARGIN,
        )
        return evolve(whole, support={k: v for k, v in whole.support.items() if k not in gone})


class TestPaperOverAModestVenue(TestPaperOverTheReference):
    """What the venue does not take, its paper account does not take either."""

    reference: type[ReferenceVenue] = Modest


# --- planted mistakes ------------------------------------------------------------------------


class Flawed(ReferenceVenue):
    """A venue with one mistake."""

    def __init__(self, flaw: Callable[[Any], None]) -> None:
        super().__init__([COINS], VirtualClock())
        flaw(self)


def ignores_cancels(venue: Any) -> None:
    """Take every cancel and do nothing."""

    async def cancel_all(_: Sequence[str]) -> None:
        await anyio.lowlevel.checkpoint()

    venue.execution.cancel_all = cancel_all


def cancels_everything(venue: Any) -> None:
    """Cancel what belongs to others too."""
    proper = venue.execution.cancel_all

    async def cancel_all(_: Sequence[str]) -> None:
        await proper([order.client_order_id for order in await venue.execution.open_orders()])

    venue.execution.cancel_all = cancel_all


def places_repeats_under_other_ids(venue: Any) -> None:
    """Place every limit order twice."""
    proper = venue.execution.submit

    async def submit(order: Order) -> None:
        await proper(order)
        if order.intent.type is OrderType.LIMIT:
            await proper(evolve(order, client_order_id=f"{order.client_order_id}x"))

    venue.execution.submit = submit


def counts_its_lists(venue: Any) -> None:
    """Give each fill another id in each list."""
    proper, numbers = venue.execution.fills, count()

    async def fills(since_ns: int) -> list[Fill]:
        return [evolve(fill, fill_id=f"{next(numbers)}") for fill in await proper(since_ns)]

    venue.execution.fills = fills


def loses_count_of_money(venue: Any) -> None:
    """Find a coin at each question."""
    proper = venue.execution.balances

    calls = count()

    async def balances() -> list[Balance]:
        extra = next(calls)
        return [evolve(each, total=each.total + extra) for each in await proper()]

    venue.execution.balances = balances


def sells_coins_twice(venue: Any) -> None:
    """Promise what is held to whoever asks."""
    venue.books.holds.admit = lambda *_: True


def says_absent_at_once(venue: Any) -> None:
    """Know no order."""

    async def order(_: str) -> OrderLookup:
        await anyio.lowlevel.checkpoint()
        return ProvenAbsent()

    venue.execution.order = order


def waits_for_strangers(venue: Any) -> None:
    """Subscribe to what is not traded."""
    venue.market_data._check = lambda _: None


def confirms_every_cancel(venue: Any) -> None:
    """Tell of a cancel whatever the order's end was."""
    proper = venue.execution.cancel

    async def cancel(client_order_id: str) -> None:
        await proper(client_order_id)
        venue.execution._hub.publish(OrderCanceled(client_order_id, 1))

    venue.execution.cancel = cancel


@pytest.mark.parametrize(
    ("case", "flaw"),
    [
        ("e02", ignores_cancels),
        ("e02", places_repeats_under_other_ids),
        ("e04", says_absent_at_once),
        ("e05", confirms_every_cancel),
        ("e06", cancels_everything),
        ("e07", counts_its_lists),
        ("e09", loses_count_of_money),
        ("e18", sells_coins_twice),
        ("r03", waits_for_strangers),
    ],
)
async def test_contract_finds_planted_mistakes(case: str, flaw: Callable[[Any], None]) -> None:
    """Each by the case that is about it."""
    flawed = Flawed(flaw)
    push = push_quote(VirtualClock())

    async def move(venue: Venue) -> None:
        assert isinstance(venue, ReferenceVenue)
        push(venue)

    stage = Stage(
        open_venue=opened(lambda: flawed),
        instrument=COINS,
        far_price=Decimal(1),
        large_quantity=Decimal(70),
        move=move,
        backstage=BehindTheReference(flawed),
        settle_s=1.0,
        silent_s=15.0,
        speed=1.0,
    )
    kit = TestReference()
    (name,) = (each for each in dir(kit) if each.startswith(f"test_{case}"))
    with pytest.raises((AssertionError, BaseExceptionGroup, pytest.fail.Exception)):
        await getattr(kit, name)(stage)
