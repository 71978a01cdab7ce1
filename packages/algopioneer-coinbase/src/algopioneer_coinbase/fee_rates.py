"""The account's fee rates, which the venue states by kind of instrument; without a key, ours."""

from typing import Final

import anyio.lowlevel

from algopioneer_coinbase.numbers import amount
from algopioneer_coinbase.rest import CoinbaseRest
from algopioneer_coinbase.symbols import VENUE
from algopioneer_core.domain.errors import DataError, VenueError
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Clock, FeeRates

__all__ = ["AccountFees"]

_BELIEVED_NS: Final = 3600 * NS_PER_SECOND
"""How long rates are believed where an order is sized by them."""


class AccountFees:
    """
    Asks for rates, and remembers them for an hour.

    Args:
        rest: The venue's requests.
        clock: The time.
        assumed: The rates where there is no account to ask of; None where there is one.
    """

    def __init__(self, rest: CoinbaseRest, clock: Clock, assumed: FeeRates | None = None) -> None:
        self._rest = rest
        self._clock = clock
        self._assumed = assumed
        self._known: dict[InstrumentKind, tuple[int, FeeRates]] = {}

    async def now(self, kind: InstrumentKind) -> FeeRates:
        """
        Return the present rates, asked for now.

        Raises:
            VenueError: The venue does not answer, or with what are no rates.
        """
        if self._assumed is not None:
            await anyio.lowlevel.checkpoint()
            return self._assumed
        tier = await self._rest.fee_tier(kind.name)
        try:
            rates = FeeRates(maker=amount(tier.maker_fee_rate), taker=amount(tier.taker_fee_rate))
        except DataError as error:
            raise VenueError(error.message, where=VENUE) from None
        self._known[kind] = self._clock.now_ns(), rates
        return rates

    async def lately(self, kind: InstrumentKind) -> FeeRates:
        """Return rates that are an hour old at most; raises as `now`."""
        known = self._known.get(kind)
        if known is not None and self._clock.now_ns() - known[0] < _BELIEVED_NS:
            return known[1]
        return await self.now(kind)
