"""What has to hold before a venue is asked for bars: it has them, of this length and of these."""

from collections.abc import Iterable, Sequence

from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.capabilities import Capability, Support
from algopioneer_core.domain.errors import ConfigError, RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.plugins.specs import VenueSpec
from algopioneer_core.ports import MarketData
from algopioneer_core.settings import nearest

__all__ = ["instrument_id_at", "no_such_instrument", "offered_interval", "traded_instruments"]


def offered_interval(interval_ns: int, venue: VenueSpec, asked: Settings) -> int:
    """
    Return *interval_ns*, which the venue has bars of.

    Raises:
        RefusedError: It has none, or none of this length.
    """
    capabilities = venue.capabilities
    if capabilities.supports(Capability.BARS_HISTORY) is Support.UNSUPPORTED:
        raise RefusedError(
            f"venue {venue.name!r} has no history of bars",
            where="--exchange",
            remedy="give bars of your own with --data FILE",
        )
    offered = capabilities.history_bar_intervals_ns
    if offered and interval_ns not in offered:
        raise RefusedError(
            f"venue {venue.name!r} has no bars of {format_interval(interval_ns)}",
            where=asked.place("interval"),
            remedy=f"it has {', '.join(map(format_interval, offered))}",
        )
    return interval_ns


def instrument_id_at(symbol: str, venue: VenueSpec, asked: Settings) -> InstrumentId:
    """
    Return the instrument that a user calls *symbol*, with or without the venue's name.

    Raises:
        ConfigError: It names another venue.
    """
    instrument_id = InstrumentId.parse(symbol, default_venue=venue.name)
    if instrument_id.venue != venue.name:
        raise ConfigError(
            f"{symbol!r} is not traded at venue {venue.name!r}",
            where=asked.place("symbols"),
            remedy=f"write {venue.name}:SYMBOL, or the symbol alone",
        )
    return instrument_id


async def traded_instruments(
    market_data: MarketData, ids: Sequence[InstrumentId], asked: Settings
) -> tuple[Instrument, ...]:
    """
    Return the instruments that *ids* name.

    Raises:
        RefusedError: One is not traded; suggests the nearest.
        VenueError: The venue does not answer.
    """
    traded = {each.id: each for each in await market_data.instruments()}
    for wanted in ids:
        if wanted not in traded:
            raise no_such_instrument(wanted, traded, asked.place("symbols"))
    return tuple(traded[wanted] for wanted in ids)


def no_such_instrument(
    wanted: InstrumentId, traded: Iterable[InstrumentId], where: str
) -> RefusedError:
    """Return the error about an instrument that is not among those *traded*."""
    near = nearest(wanted.symbol, (each.symbol for each in traded))
    return RefusedError(
        f"{wanted.symbol!r} is not traded at venue {wanted.venue!r}",
        where=where,
        remedy=f"did you mean {near!r}?" if near else "name it as the venue does",
    )
