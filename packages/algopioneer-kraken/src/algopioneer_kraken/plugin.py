"""
What this distribution plugs in: Kraken spot, with its margin trading.

The facts below are those of the public documentation; `docs/reference/capabilities.md` names the
page for each and says which are unconfirmed. Kraken Futures is another exchange behind another
interface (own hosts, keys, order ids and rules), so it will be a venue of its own.
"""

from collections.abc import Sequence
from typing import Final, NoReturn

from algopioneer_core.domain.capabilities import (
    Capabilities,
    Capability,
    FillReporting,
    IdempotentSubmit,
    Support,
)
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.plugins import VenueSpec, hookimpl

__all__ = ["CAPABILITIES", "algopioneer_venues", "refuse"]

_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS
_BAR_INTERVALS_NS: Final = tuple(
    minutes * _MINUTE_NS for minutes in (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
)
_HEX: Final = "[0-9a-fA-F]"

CAPABILITIES: Final = Capabilities(
    kinds=(InstrumentKind.SPOT,),
    support={
        Capability.MARKET_ORDERS: Support.NATIVE,
        Capability.LIMIT_ORDERS: Support.NATIVE,
        Capability.STOP_ORDERS: Support.NATIVE,
        Capability.STOP_LIMIT_ORDERS: Support.NATIVE,
        Capability.POST_ONLY: Support.NATIVE,
        Capability.IOC: Support.NATIVE,
        Capability.FOK: Support.NATIVE,
        Capability.GTD: Support.NATIVE,
        # Market buys without margin only.
        Capability.QUOTE_SIZED_ORDERS: Support.NATIVE,
        Capability.REDUCE_ONLY: Support.NATIVE,
        Capability.VALIDATE_ONLY: Support.NATIVE,
        Capability.AMEND_ORDERS: Support.NATIVE,
        # The venue's own request cancels everybody's orders in the account, not only ours.
        Capability.CANCEL_ALL: Support.EMULATED,
        Capability.DEAD_MANS_SWITCH: Support.NATIVE,
        Capability.ORDER_BY_CLIENT_ID: Support.NATIVE,
        Capability.ORDER_STREAM: Support.NATIVE,
        Capability.FILLS_HISTORY: Support.NATIVE,
        Capability.BALANCES: Support.NATIVE,
        Capability.BALANCE_STREAM: Support.NATIVE,
        # Only what is held on margin has a position; the rest is read off the balances.
        Capability.POSITIONS: Support.EMULATED,
        Capability.FEE_RATES: Support.NATIVE,
        Capability.SHORT_SELLING: Support.NATIVE,
        Capability.MARGIN: Support.NATIVE,
        Capability.FRACTIONAL_QUANTITY: Support.NATIVE,
        Capability.QUOTES: Support.NATIVE,
        Capability.TRADES: Support.NATIVE,
        Capability.BOOK: Support.NATIVE,
        Capability.BARS_STREAM: Support.NATIVE,
        Capability.BARS_HISTORY: Support.NATIVE,
        Capability.GAP_DETECTION: Support.NATIVE,  # checksums of books
        Capability.SILENCE_DETECTION: Support.NATIVE,  # a heartbeat each second
        Capability.INSTRUMENT_STATUS: Support.NATIVE,
        Capability.MARKET_HOURS: Support.EMULATED,
        Capability.SERVER_TIME: Support.NATIVE,
    },
    # An id is free again as soon as its order ends, so a second submit may trade a second time.
    idempotent_submit=IdempotentSubmit.WHILE_OPEN,
    fill_reporting=FillReporting.SINGLE,
    # Sent with every order. The stream takes 0.5 s to 60 s and REST 2 s to 60 s.
    submit_deadline_ns=5 * _SECOND_NS,
    absence_after_ns=60 * _SECOND_NS,
    history_bar_intervals_ns=_BAR_INTERVALS_NS,
    stream_bar_intervals_ns=_BAR_INTERVALS_NS,
    history_page_bars=720,
    history_depth_bars=720,
    bar_stamp="open",
    client_order_id_max_length=36,
    client_order_id_pattern=(
        rf"[!-~]{{1,18}}|{_HEX}{{32}}|{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
    ),
)
"""What Kraken spot offers to an adapter."""
_UNAVAILABLE: Final = "this release declares what Kraken can do and does not connect to it yet"


def refuse(_config: object) -> NoReturn:
    """
    Refuse to open Kraken, whatever the configuration says.

    Raises:
        RefusedError: Always: there is no adapter in this release.
    """
    raise RefusedError(
        _UNAVAILABLE,
        where="venue 'kraken'",
        remedy="backtest on bars from a file: algopioneer backtest --data FILE",
    )


@hookimpl
def algopioneer_venues() -> Sequence[VenueSpec]:
    """Return Kraken, which cannot be chosen yet: its adapter is not part of this release."""
    return [
        VenueSpec(
            name="kraken",
            summary="Kraken: crypto spot and margin",
            factory="algopioneer_kraken.plugin:refuse",
            capabilities=CAPABILITIES,
            available=False,
            unavailable_reason=_UNAVAILABLE,
        )
    ]
