"""Coins that several instruments stand for."""

from collections.abc import Iterable
from decimal import Decimal
from functools import partial

import anyio
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.market_data import Bar, Quote
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.positions import Position
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.runtime.reconciliation import DriftRules
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.shared_coins import as_a_venue_shows, same_coins
from algopioneer_core.simulation.paper_account import PaperAccount
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import running_session, session_plan, strategy_plan


def _spot(base: str, quote: str) -> Instrument:
    return evolve(BITCOIN, id=InstrumentId("sim", f"{base}-{quote}"), base=base, quote=quote)


DOLLARS, COINS, CROSS = _spot("BTC", "USD"), _spot("BTC", "USDC"), _spot("ETH", "BTC")
FUTURE = evolve(DOLLARS, id=InstrumentId("sim", "BIT"), kind=InstrumentKind.FUTURE)
INVERSE = evolve(FUTURE, id=InstrumentId("sim", "INV"), inverse=True)
TRADED = (DOLLARS, COINS, CROSS, FUTURE, INVERSE)
PRICE = Decimal(20)  # of which inverse contracts have an exact worth


@st.composite
def _fills(draw: st.DrawFn) -> list[Fill]:
    def one(number: int) -> Fill:
        instrument = draw(st.sampled_from(TRADED))
        return Fill(
            fill_id=str(number),
            client_order_id="a",
            instrument_id=instrument.id,
            side=draw(st.sampled_from(Side)),
            quantity=Decimal(draw(st.integers(1, 5))),
            price=PRICE,
            fee=Decimal(draw(st.integers(0, 3))),
            fee_asset=draw(st.sampled_from(("USD", "BTC", "ETH"))),
            liquidity=Liquidity.TAKER,
            ts_event=number,
        )

    return [one(number) for number in range(draw(st.integers(0, 8)))]


@given(_fills(), st.integers(1, 3))
def test_positions_come_to_what_an_account_shows(fills: list[Fill], strategies: int) -> None:
    """However they are shared among strategies: nothing is left that nobody explains."""
    opening = {"BTC": Decimal(7), "USD": Decimal(100)}
    account = PaperAccount(TRADED, opening, PaperMargin.NONE)
    books = [{each.id: Position(each) for each in TRADED} for _ in range(strategies)]
    for fill in fills:
        account.apply(fill)
        book = books[int(fill.fill_id) % strategies]
        book[fill.instrument_id] = book[fill.instrument_id].apply(fill)
    ours = as_a_venue_shows(position for book in books for position in book.values())
    for each in TRADED:
        foreign = opening.get(each.base, Decimal(0)) if each.delivers_base else 0
        assert account.held(each.id) == ours[each.id] + foreign, each.id


def _buys_once(instrument: Instrument) -> ScriptedStrategy:
    """Return a strategy that buys one at its first bar."""
    wishes = [OrderIntent(instrument_id=instrument.id, side=Side.BUY, quantity=Decimal(1))]

    def decide(event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        del context
        return [wishes.pop()] if isinstance(event, Bar) and wishes else ()

    return ScriptedStrategy(decide)


async def test_a_purchase_of_one_strategy_is_no_strangers_coin_to_another() -> None:
    """They trade the same coin by two instruments, and nothing is unexplained."""
    clock, both = VirtualClock(), (DOLLARS, COINS)
    config = PaperConfig(balances=("USD=1000", "USDC=1000", "BTC=3"), slippage_bps=Decimal(0))
    venue = ReferenceVenue(both, clock, config=config)
    first, second = (strategy_plan(each.quote, partial(_buys_once, each), each) for each in both)
    plan = session_plan(
        first, second, resume=Resume.WALLCLOCK, drift=DriftRules(every_s=Decimal(20))
    )
    async with running_session(plan, venue, MemoryDisk()) as running:
        for instrument in both:
            await anyio.sleep(60 - anyio.current_time() % 60)
            now_ns, size = clock.now_ns(), Decimal(9)
            venue.push(Bar(instrument.id, now_ns, 20, 20, 20, 20, 0, 0, 0, now_ns))
            for _ in range(2):
                now_ns = clock.now_ns()
                venue.push(Quote(instrument.id, now_ns, PRICE, PRICE, size, size, now_ns))
                await wait_all_blocked()
                await anyio.sleep(1)
            await anyio.sleep(50)
        held = venue.books.account.positions()
        assert {each.id: Decimal(5) for each in both} == held
        assert [running.engine(each.quote).portfolio.quantity(each.id) for each in both] == [1, 1]
    assert not [each for each in running.notes.subjects if "unexplained" in each]


def test_instruments_of_one_coin_are_told_together() -> None:
    """At one venue; a contract on it is something else."""
    elsewhere = evolve(DOLLARS, id=InstrumentId("there", "BTC-USD"))
    both = (DOLLARS.id, COINS.id)
    assert same_coins((*TRADED, elsewhere, DOLLARS)) == {
        DOLLARS.id: both,
        COINS.id: both,
        CROSS.id: (CROSS.id,),
        FUTURE.id: (FUTURE.id,),
        INVERSE.id: (INVERSE.id,),
        elsewhere.id: (elsewhere.id,),
    }
