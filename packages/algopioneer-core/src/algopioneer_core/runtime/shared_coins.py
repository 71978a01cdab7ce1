"""
Coins that several instruments stand for.

A venue that reads positions off balances shows the same coins for each instrument they can be sold
by (BTC-USD and BTC-USDC), less what was paid with them elsewhere (ETH-BTC). What our books have of
an instrument is added up in the same way before the two are compared.
"""

from collections.abc import Iterable

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, Quantity, add, sub
from algopioneer_core.domain.positions import Position

__all__ = ["as_a_venue_shows", "same_coins"]


def as_a_venue_shows(positions: Iterable[Position]) -> dict[InstrumentId, Quantity]:
    """
    Return what *positions* come to by instrument: contracts as they are, coins by what is there.

    Several positions may be of one instrument; flat ones are listed too.
    """
    coins: dict[tuple[str, str], Quantity] = {}
    contracts: dict[InstrumentId, Quantity] = {}
    instruments: dict[InstrumentId, Instrument] = {}
    for each in positions:
        instrument = each.instrument
        instruments[instrument.id] = instrument
        if not instrument.delivers_base:
            held = contracts.get(instrument.id, ZERO)
            contracts[instrument.id] = add(held, each.quantity)
        for asset, amount in _flows(each):
            key = instrument.id.venue, asset
            coins[key] = add(coins.get(key, ZERO), amount)
    return {
        key: coins[key.venue, each.base] if each.delivers_base else contracts[key]
        for key, each in instruments.items()
    }


def _flows(position: Position) -> Iterable[tuple[str, Money]]:
    """Yield what a position has moved of each asset: it came in where that is positive."""
    instrument = position.instrument
    if instrument.delivers_base:
        yield instrument.base, position.quantity  # a fee in base is taken out of it already
    paid = position.cost if instrument.delivers_base else ZERO
    yield instrument.settlement_asset, sub(sub(position.realised, paid), position.fees)
    for asset, fee in position.other_fees:
        if asset != instrument.base or not instrument.delivers_base:
            yield asset, -fee


def same_coins(instruments: Iterable[Instrument]) -> dict[InstrumentId, tuple[InstrumentId, ...]]:
    """Return for each instrument all those by which the same is bought and sold, itself too."""
    shared: dict[tuple[str, str], dict[InstrumentId, None]] = {}
    alone: dict[InstrumentId, tuple[InstrumentId, ...]] = {}
    for each in instruments:
        if each.delivers_base:
            shared.setdefault((each.id.venue, each.base), {})[each.id] = None
        else:
            alone[each.id] = (each.id,)
    return alone | {key: tuple(ids) for ids in shared.values() for key in ids}
