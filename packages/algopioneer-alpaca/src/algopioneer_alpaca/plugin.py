"""
What this distribution plugs in: Alpaca, US equities and crypto.

The facts below are those of the public documentation; `docs/reference/capabilities.md` names the
page for each and says which are unconfirmed.
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
_HOUR_NS: Final = 60 * _MINUTE_NS
_DAY_NS: Final = 24 * _HOUR_NS

CAPABILITIES: Final = Capabilities(
    kinds=(InstrumentKind.EQUITY, InstrumentKind.SPOT),
    support={
        Capability.MARKET_ORDERS: Support.NATIVE,
        Capability.LIMIT_ORDERS: Support.NATIVE,
        Capability.STOP_LIMIT_ORDERS: Support.NATIVE,
        Capability.QUOTE_SIZED_ORDERS: Support.NATIVE,
        Capability.QUOTE_SIZED_SALES: Support.NATIVE,
        # The amended order is a new one, with a new venue id.
        Capability.AMEND_ORDERS: Support.NATIVE,
        # The venue's own request cancels everybody's orders in the account, not only ours.
        Capability.CANCEL_ALL: Support.EMULATED,
        Capability.ORDER_BY_CLIENT_ID: Support.NATIVE,
        Capability.ORDER_STREAM: Support.NATIVE,
        Capability.FILLS_HISTORY: Support.NATIVE,
        Capability.BALANCES: Support.NATIVE,
        Capability.POSITIONS: Support.NATIVE,
        # Read off the published table by the account's tier.
        Capability.FEE_RATES: Support.EMULATED,
        Capability.FRACTIONAL_QUANTITY: Support.NATIVE,
        Capability.QUOTES: Support.NATIVE,
        Capability.TRADES: Support.NATIVE,
        Capability.BARS_STREAM: Support.NATIVE,
        Capability.BARS_HISTORY: Support.NATIVE,
        Capability.SERVER_TIME: Support.NATIVE,
        Capability.TEST_ACCOUNT: Support.NATIVE,
    },
    by_kind={
        # Immediate-or-cancel and fill-or-kill carry a "contact sales" note for equities: an
        # ordinary account cannot count on them, so they are not declared.
        InstrumentKind.EQUITY: {
            Capability.STOP_ORDERS: Support.NATIVE,
            Capability.SHORT_SELLING: Support.NATIVE,
            Capability.MARGIN: Support.NATIVE,
            Capability.INSTRUMENT_STATUS: Support.NATIVE,
            Capability.MARKET_HOURS: Support.NATIVE,
            Capability.EXTENDED_HOURS: Support.NATIVE,
        },
        InstrumentKind.SPOT: {
            Capability.IOC: Support.NATIVE,
            Capability.BOOK: Support.NATIVE,
            Capability.MARKET_HOURS: Support.EMULATED,
        },
    },
    # A repeated id is refused, but whether it stays taken after the order ended is unconfirmed.
    idempotent_submit=IdempotentSubmit.WHILE_OPEN,
    fill_reporting=FillReporting.SINGLE,
    # The delay of look-ups is not documented; a minute is this project's cautious choice.
    absence_after_ns=60 * _SECOND_NS,
    # Months are offered too, and are left out because they have no fixed length.
    history_bar_intervals_ns=(
        *(minutes * _MINUTE_NS for minutes in range(1, 60)),
        *(hours * _HOUR_NS for hours in range(1, 24)),
        _DAY_NS,
        7 * _DAY_NS,
    ),
    # The daily channel repeats a day that is not over, which is not a finished bar.
    stream_bar_intervals_ns=(_MINUTE_NS,),
    history_page_bars=10_000,
    bar_stamp="open",
    client_order_id_max_length=128,
)
"""What Alpaca offers to an adapter."""
_UNAVAILABLE: Final = "this release declares what Alpaca can do and does not connect to it yet"


def refuse(_config: object) -> NoReturn:
    """
    Refuse to open Alpaca, whatever the configuration says.

    Raises:
        RefusedError: Always: there is no adapter in this release.
    """
    raise RefusedError(
        _UNAVAILABLE,
        where="venue 'alpaca'",
        remedy="backtest on bars from a file: algopioneer backtest --data FILE",
    )


@hookimpl
def algopioneer_venues() -> Sequence[VenueSpec]:
    """Return Alpaca, which cannot be chosen yet: its adapter is not part of this release."""
    return [
        VenueSpec(
            name="alpaca",
            summary="Alpaca: US equities and crypto, live and paper accounts",
            factory="algopioneer_alpaca.plugin:refuse",
            capabilities=CAPABILITIES,
            available=False,
            unavailable_reason=_UNAVAILABLE,
        )
    ]
