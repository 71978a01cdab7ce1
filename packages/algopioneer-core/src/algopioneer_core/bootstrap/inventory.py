"""
What strategies may sell without having bought it: holdings that were in the account beforehand.

They are looked at when a strategy begins for the first time; from then on its own books remember
them. A coin that several strategies of a session sell is divided among them in equal parts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from algopioneer_core.config.session_tables import StrategyTable
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Quantity, floor_units, mul
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.ports import Venue

__all__ = ["Inventories"]


class Inventories:
    """
    The holdings that the strategies of a session set aside.

    Args:
        tables: All strategies of the session.
        traded: What each venue trades, by its name.
    """

    def __init__(
        self, tables: Sequence[StrategyTable], traded: Mapping[str, Sequence[Instrument]]
    ) -> None:
        self._instruments = {each.id: each for listed in traded.values() for each in listed}
        self._claims = Counter(
            self._asset(each)
            for table in tables
            for each in _sold_out_of_holdings(table)
            if each in self._instruments  # else its strategy is refused
        )
        self._positions: dict[str, Mapping[InstrumentId, Quantity]] = {}

    async def of(
        self, table: StrategyTable, venues: Mapping[str, Venue]
    ) -> dict[InstrumentId, Quantity]:
        """
        Return what one strategy sets aside, by leg, rounded down to the leg's grid.

        Raises:
            VenueError: A venue does not say what is held.
        """
        found: dict[InstrumentId, Quantity] = {}
        for each in _sold_out_of_holdings(table):
            if each.venue not in self._positions:
                self._positions[each.venue] = await venues[each.venue].execution.positions()
            held = max(self._positions[each.venue].get(each, ZERO), ZERO)
            step = self._instruments[each].quantity_increment.step
            share = floor_units(held, step) // self._claims[self._asset(each)]
            found[each] = mul(Decimal(share), step)
        return found

    def _asset(self, instrument_id: InstrumentId) -> tuple[str, str]:
        """Return what is held of it: two instruments of one coin draw on the same holdings."""
        return instrument_id.venue, self._instruments[instrument_id].base


def _sold_out_of_holdings(table: StrategyTable) -> Iterator[InstrumentId]:
    for leg, instrument_id in enumerate(table.instruments[:2]):
        if table.legs.short_mode_of(leg) is ShortMode.INVENTORY:
            yield instrument_id
