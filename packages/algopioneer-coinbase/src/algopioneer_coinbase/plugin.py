"""
What this distribution plugs in: Coinbase Advanced Trade, spot and US futures.

The facts below are those of the public documentation; `docs/reference/capabilities.md` names the
page for each and says which are unconfirmed.
"""

from collections.abc import Sequence
from typing import Final

from algopioneer_core.domain.capabilities import (
    Capabilities,
    Capability,
    FillReporting,
    IdempotentSubmit,
    Support,
)
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.plugins import VenueSpec, hookimpl

__all__ = ["CAPABILITIES", "algopioneer_venues"]

_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS

# What the venue offers beyond this (preview, amendments, depth, status and balance messages, the
# hours of futures) is in docs/reference/capabilities.md; the adapter does not speak it yet, and
# what it does not do it does not declare.
CAPABILITIES: Final = Capabilities(
    kinds=(InstrumentKind.SPOT, InstrumentKind.FUTURE),
    support={
        Capability.MARKET_ORDERS: Support.NATIVE,
        Capability.LIMIT_ORDERS: Support.NATIVE,
        Capability.STOP_LIMIT_ORDERS: Support.NATIVE,
        Capability.POST_ONLY: Support.NATIVE,
        Capability.IOC: Support.NATIVE,
        Capability.FOK: Support.NATIVE,
        Capability.GTD: Support.NATIVE,
        Capability.QUOTE_SIZED_ORDERS: Support.NATIVE,
        # Coins that are not there cannot be sold; orders in futures are cut to the position.
        Capability.REDUCE_ONLY: Support.EMULATED,
        # There is no such request: our open orders are listed and cancelled by id.
        Capability.CANCEL_ALL: Support.EMULATED,
        # The look-up by client id is deprecated: orders are listed and searched.
        Capability.ORDER_BY_CLIENT_ID: Support.EMULATED,
        Capability.ORDER_STREAM: Support.NATIVE,
        Capability.FILLS_HISTORY: Support.NATIVE,
        Capability.BALANCES: Support.NATIVE,
        Capability.POSITIONS: Support.EMULATED,
        Capability.FEE_RATES: Support.NATIVE,
        Capability.FRACTIONAL_QUANTITY: Support.NATIVE,
        Capability.QUOTES: Support.NATIVE,
        Capability.TRADES: Support.NATIVE,
        Capability.BARS_STREAM: Support.NATIVE,
        Capability.BARS_HISTORY: Support.NATIVE,
        Capability.GAP_DETECTION: Support.NATIVE,  # sequence numbers of the connection
        Capability.SILENCE_DETECTION: Support.NATIVE,  # a heartbeat each second
        Capability.MARKET_HOURS: Support.EMULATED,  # spot never closes
        Capability.SERVER_TIME: Support.NATIVE,
    },
    by_kind={
        InstrumentKind.FUTURE: {
            Capability.MARKET_HOURS: Support.UNSUPPORTED,
            Capability.QUOTE_SIZED_ORDERS: Support.UNSUPPORTED,
            Capability.POSITIONS: Support.NATIVE,
            Capability.SHORT_SELLING: Support.NATIVE,
            Capability.MARGIN: Support.NATIVE,
            Capability.FRACTIONAL_QUANTITY: Support.UNSUPPORTED,
        },
    },
    idempotent_submit=IdempotentSubmit.ALWAYS,
    fill_reporting=FillReporting.CUMULATIVE,
    # The delay of look-ups is not documented; a minute is this project's cautious choice.
    absence_after_ns=60 * _SECOND_NS,
    history_bar_intervals_ns=tuple(
        minutes * _MINUTE_NS for minutes in (1, 5, 15, 30, 60, 120, 240, 360, 1440)
    ),
    stream_bar_intervals_ns=(5 * _MINUTE_NS,),
    history_page_bars=350,
    bar_stamp="open",
    # No limit is documented; a UUID, which the documentation recommends, has 36 characters.
    client_order_id_max_length=36,
)
"""What Coinbase Advanced Trade offers to an adapter."""


@hookimpl
def algopioneer_venues() -> Sequence[VenueSpec]:
    """Return Coinbase."""
    return [
        VenueSpec(
            name="coinbase",
            summary="Coinbase Advanced Trade: crypto spot and US futures",
            factory="algopioneer_coinbase.venue:open_coinbase",
            config="algopioneer_coinbase.config:CoinbaseConfig",
            capabilities=CAPABILITIES,
            sandbox="algopioneer_coinbase.sandbox_command:command",
            diagnosis="algopioneer_coinbase.diagnosis:diagnose",
            simulation="algopioneer_coinbase.simulated:SimulatedCoinbase",
        )
    ]
