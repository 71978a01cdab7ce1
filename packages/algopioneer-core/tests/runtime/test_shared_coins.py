"""Coins that several instruments stand for."""

from decimal import Decimal

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.positions import Position
from algopioneer_core.runtime.shared_coins import as_a_venue_shows, same_coins
from algopioneer_core.simulation.paper_account import PaperAccount
from algopioneer_core.simulation.paper_config import PaperMargin
from algopioneer_core.testing.domain import BITCOIN


def _spot(base: str, quote: str) -> Instrument:
    return evolve(BITCOIN, id=InstrumentId("here", f"{base}-{quote}"), base=base, quote=quote)


DOLLARS, COINS, CROSS = _spot("BTC", "USD"), _spot("BTC", "USDC"), _spot("ETH", "BTC")
FUTURE = evolve(DOLLARS, id=InstrumentId("here", "BIT"), kind=InstrumentKind.FUTURE)
INVERSE = evolve(FUTURE, id=InstrumentId("here", "INV"), inverse=True)
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
