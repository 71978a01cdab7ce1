"""Coinbase as a `Venue`: the parts put together."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

import httpx
from attrs import evolve, field, frozen

from algopioneer_coinbase.access import addresses_of, signer_of
from algopioneer_coinbase.config import CoinbaseConfig
from algopioneer_coinbase.execution import CoinbaseExecution
from algopioneer_coinbase.fee_rates import AccountFees
from algopioneer_coinbase.known_orders import KnownOrders
from algopioneer_coinbase.market_data import CoinbaseMarketData, StreamSettings
from algopioneer_coinbase.messages import Product
from algopioneer_coinbase.plugin import CAPABILITIES
from algopioneer_coinbase.private_stream import PrivateStream
from algopioneer_coinbase.rest import CoinbaseRest, Pace
from algopioneer_coinbase.symbols import VENUE, Symbols
from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import BPS, mul
from algopioneer_core.ports import Clock, FeeRates
from algopioneer_core.wire import machine
from algopioneer_core.wire.dialing import Dial, dial_tcp
from algopioneer_core.wire.http import HttpClient

__all__ = ["PRODUCTION", "CoinbaseVenue", "Surroundings", "open_coinbase"]

_DAY_NS: Final = 86_400 * NS_PER_SECOND


@frozen(kw_only=True)
class Surroundings:
    """What the adapter does not make itself; the defaults are those of production."""

    clock: Clock = field(factory=machine.SystemClock)
    draw: Callable[[], float] = machine.draw
    nonce: Callable[[], str] = machine.nonce
    dial: Dial = dial_tcp
    """Makes connections of websockets."""
    transport: httpx.AsyncBaseTransport | None = None
    """Carries requests; None is TCP."""


PRODUCTION: Final = Surroundings()
"""Those of production."""


@frozen
class CoinbaseVenue:
    """An open connection to Coinbase; made by `open_coinbase`."""

    rest: CoinbaseRest
    """For what the ports do not offer: `doctor` asks for the key's permissions."""
    market_data: CoinbaseMarketData
    execution: CoinbaseExecution
    capabilities: Capabilities
    """What it can do."""

    @property
    def name(self) -> str:
        """The venue part of its instrument ids."""
        return VENUE


@asynccontextmanager
async def open_coinbase(
    config: CoinbaseConfig, surroundings: Surroundings = PRODUCTION
) -> AsyncIterator[CoinbaseVenue]:
    """
    Open Coinbase for the length of a block.

    Raises:
        ConfigError: The key is incomplete or cannot be read, or a URL is none.
        VenueError: It does not answer, or does not accept the key.
    """
    signer = signer_of(config, surroundings.nonce)
    addresses = addresses_of(config)
    settings = StreamSettings(
        market_url=addresses.market,
        user_url=addresses.user,
        dial=surroundings.dial,
        silence_s=config.silence_s,
        draw=surroundings.draw,
    )
    clock, pace = surroundings.clock, Pace(config.private_per_second, config.public_per_second)
    async with HttpClient(addresses.rest, transport=surroundings.transport) as http:
        rest = CoinbaseRest(http, signer, clock, pace, surroundings.draw)
        symbols = Symbols.of(await _products(rest, futures=config.futures))
        known = KnownOrders()
        able = evolve(CAPABILITIES, absence_after_ns=config.absence_after_s * NS_PER_SECOND)
        futures = any(
            each.instrument.kind is InstrumentKind.FUTURE for each in symbols.listings.values()
        )
        yield CoinbaseVenue(
            rest,
            CoinbaseMarketData(rest, symbols, signer, clock, settings),
            CoinbaseExecution(
                rest,
                symbols,
                known,
                PrivateStream(rest, symbols, known, signer, clock, settings),
                clock,
                able,
                AccountFees(rest, clock, _assumed_fees(config) if signer is None else None),
                lookback_ns=config.lookback_days * _DAY_NS,
                futures=futures,
            ),
            able,
        )


def _assumed_fees(config: CoinbaseConfig) -> FeeRates:
    return FeeRates(maker=mul(config.maker_fee_bps, BPS), taker=mul(config.taker_fee_bps, BPS))


async def _products(rest: CoinbaseRest, *, futures: bool) -> Iterable[Product]:
    spot = await rest.products("SPOT")
    return [*spot, *(await rest.products("FUTURE"))] if futures else spot
