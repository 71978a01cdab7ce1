"""The part of `doctor` that asks an open venue about the account: reading, orders, reports."""

from collections.abc import Mapping, Sequence

from algopioneer_core.bootstrap.doctor_markets import telling
from algopioneer_core.domain.capabilities import Capabilities, Capability, Support
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, plain, sub
from algopioneer_core.plugins.diagnosis import Finding, Tell, not_checked, passed, warned
from algopioneer_core.ports import Balance, Venue

__all__ = ["ask_account", "has_orders", "skip_account"]

_ORDERS = (Capability.MARKET_ORDERS, Capability.LIMIT_ORDERS)
_CHECKS = ("account", "orders", "private stream")


def has_orders(capabilities: Capabilities) -> bool:
    """Tell whether there is an account at all: the venue declares some kind of order."""
    return any(capabilities.supports(each) is not Support.UNSUPPORTED for each in _ORDERS)


def skip_account(why: str, tell: Tell) -> None:
    """Say that nothing is known of the account."""
    for check in _CHECKS:
        tell(not_checked(check, why))


async def ask_account(
    venue: Venue, instruments: Sequence[Instrument], worth: Mapping[InstrumentId, Money], tell: Tell
) -> None:
    """
    Read balances and orders, and open the private stream.

    Args:
        venue: Open, with its key.
        instruments: What is to be traded.
        worth: What an order of each is worth, where that is known.
        tell: Takes the findings.
    """
    with telling("account", tell):
        balances = await venue.execution.balances()
        tell(passed("account", f"balances of {len(balances)} assets can be read"))
        for each in instruments:
            if each.id in worth:
                _tell_funds(each, worth[each.id], balances, tell)
    with telling("orders", tell):
        orders = await venue.execution.open_orders()
        tell(passed("orders", f"orders can be read; {len(orders)} are open in the account"))
    with telling("private stream", tell):
        async with venue.execution.reports():
            tell(passed("private stream", "authenticated, and subscribed to"))


def _tell_funds(
    instrument: Instrument, worth: Money, balances: Sequence[Balance], tell: Tell
) -> None:
    """Say so where an order could not be paid; what a contract takes is not known here."""
    if not instrument.delivers_base:
        return
    asset = instrument.quote
    free = next((sub(each.total, each.held) for each in balances if each.asset == asset), ZERO)
    if free < worth:
        tell(_poor(f"funds {instrument.id.symbol}", worth, free, asset))


def _poor(check: str, worth: Money, free: Money, asset: str) -> Finding:
    return warned(
        check,
        f"a purchase costs {plain(worth)} {asset} and fees, and {plain(free)} {asset} are free",
        f"deposit {asset}, or trade less",
    )
