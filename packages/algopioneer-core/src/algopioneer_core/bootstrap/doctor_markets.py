"""The part of `doctor` that asks an open venue about its markets: symbols and sizes."""

import contextlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import anyio
from attrs import evolve, frozen

from algopioneer_core.bootstrap.history_checks import no_such_instrument
from algopioneer_core.domain.capabilities import Capability, Support
from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.events import InstrumentStatus
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, Price, plain
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import DAY_NS
from algopioneer_core.plugins.diagnosis import (
    Finding,
    SupportsStatus,
    Tell,
    failed,
    not_checked,
    passed,
    warned,
)
from algopioneer_core.ports import Venue
from algopioneer_core.simulation.order_rules import problem_of_size

__all__ = ["Wanted", "ask_markets", "ask_sizes", "telling"]

_PATIENCE_S: Final = 30.0
"""How long one question may take."""
_LATER: Final = "try again; see the venue's status page"
_SOON_NS: Final = 7 * DAY_NS
_PARTLY: Final = {
    InstrumentStatus.POST_ONLY: "only orders that rest are taken now",
    InstrumentStatus.LIMIT_ONLY: "only limit orders are taken now",
}


@frozen
class Wanted:
    """What is to be traded."""

    ids: tuple[InstrumentId, ...]
    order_size: Decimal | None
    now_ns: int


@contextlib.contextmanager
def telling(check: str, tell: Tell) -> Iterator[None]:
    """Turn what the venue refuses in the block, or does not answer in time, into a finding."""
    try:
        with anyio.fail_after(_PATIENCE_S):
            yield
    except TimeoutError:
        tell(failed(check, f"no answer within {_PATIENCE_S:g} s", _LATER))
    except AlgopioneerError as error:
        tell(failed(check, error, _LATER))


async def ask_markets(venue: Venue, wanted: Wanted, tell: Tell) -> tuple[Instrument, ...]:
    """Look at each symbol; return what is traded of them."""
    traded: dict[InstrumentId, Instrument] = {}
    with telling("markets", tell):
        traded = {each.id: each for each in await venue.market_data.instruments()}
        tell(passed("markets", f"{len(traded)} instruments are traded"))
    if not traded:
        return ()
    if not wanted.ids:
        tell(not_checked("symbols", "name them with --symbols"))
    found = [each for each in wanted.ids if _is_traded(each, traded, tell)]
    for each in found:
        _tell_status(venue, traded[each], wanted.now_ns, tell)
    return tuple(traded[each] for each in found)


def _is_traded(wanted: InstrumentId, traded: dict[InstrumentId, Instrument], tell: Tell) -> bool:
    if wanted not in traded:
        error = no_such_instrument(wanted, traded, "--symbols")
        tell(failed(f"symbol {wanted.symbol}", error.message, error.remedy or ""))
    return wanted in traded


def _tell_status(venue: Venue, instrument: Instrument, now_ns: int, tell: Tell) -> None:
    check = f"symbol {instrument.id.symbol}"
    status = InstrumentStatus.TRADING
    if isinstance(venue.market_data, SupportsStatus):
        status = venue.market_data.status(instrument.id)
    if status in _PARTLY:
        tell(warned(check, _PARTLY[status], "wait, or choose another symbol"))
    elif status is not InstrumentStatus.TRADING:
        said = status.value.replace("_", " ")
        tell(failed(check, f"it is {said}", "wait until it trades, or choose another symbol"))
    elif instrument.expiry_ns is not None and instrument.expiry_ns < now_ns + _SOON_NS:
        when = iso_utc(instrument.expiry_ns)
        tell(warned(check, f"it expires at {when}", "choose a later contract"))
    else:
        tell(passed(check, f"traded: {_rules(instrument)}"))


def _rules(instrument: Instrument) -> str:
    parts = [f"quantities by {plain(instrument.quantity_increment.step)}"]
    if instrument.price_increment is not None:
        parts.append(f"prices by {plain(instrument.price_increment.step)}")
    if instrument.minimum_quantity:
        parts.append(f"at least {plain(instrument.minimum_quantity)}")
    if instrument.minimum_notional:
        parts.append(f"worth at least {plain(instrument.minimum_notional)} {instrument.quote}")
    return ", ".join(parts)


async def ask_sizes(
    venue: Venue, instruments: Sequence[Instrument], wanted: Wanted, tell: Tell
) -> dict[InstrumentId, Money]:
    """Hold the order's size against the rules of each; return what such an order is worth."""
    if wanted.order_size is None:
        tell(not_checked("order size", "state it with --order-size NUMBER"))
        return {}
    worth: dict[InstrumentId, Money] = {}
    for each in instruments:
        check = f"order size {each.id.symbol}"
        with telling(check, tell):
            price = await _last_price(venue, each, wanted.now_ns)
            tell(_about_size(check, each, wanted.order_size, price))
            if price is not None:
                worth[each.id] = each.value(wanted.order_size, price)
    return worth


async def _last_price(venue: Venue, instrument: Instrument, now_ns: int) -> Price | None:
    """Return the close of the last bar of the last day, by bars that are one answer or two."""
    offered = venue.capabilities.history_bar_intervals_ns
    if venue.capabilities.supports(Capability.BARS_HISTORY) is Support.UNSUPPORTED or not offered:
        return None
    interval = min(offered, key=lambda each: abs(each - DAY_NS // 24))
    bars = await venue.market_data.bars(instrument.id, interval, now_ns - 2 * DAY_NS, now_ns + 1)
    return bars[-1].close if bars else None


def _about_size(check: str, instrument: Instrument, size: Decimal, price: Price | None) -> Finding:
    intent = OrderIntent(instrument_id=instrument.id, side=Side.BUY, quantity=size)
    # Without a price the value cannot be judged, and its minimum is left out.
    judged = evolve(instrument, minimum_notional=ZERO) if price is None else instrument
    problem = problem_of_size(intent, judged, size, price or ZERO, lambda: size, is_rest=False)
    if problem:
        return failed(check, f"{plain(size)}: {problem}", f"the rules are: {_rules(instrument)}")
    if price is None:
        return warned(check, f"{plain(size)} is on the grid; there is no price to value it by")
    worth = plain(instrument.value(size, price))
    return passed(check, f"{plain(size)} is worth {worth} {instrument.settlement_asset} now")
