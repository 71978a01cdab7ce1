"""What the account has: wallets and the money behind futures, in the words of the domain."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from algopioneer_coinbase.messages import Account, FutureBalances
from algopioneer_coinbase.numbers import amount
from algopioneer_coinbase.symbols import VENUE
from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.money import ZERO, add, sub
from algopioneer_core.engine.margin import MarginState
from algopioneer_core.ports import Balance

__all__ = ["balances_of", "margin_of"]


def balances_of(accounts: Iterable[Account], futures: FutureBalances | None) -> Sequence[Balance]:
    """Return what there is of each currency, several wallets of one and futures added up."""
    totals: dict[str, tuple[Decimal, Decimal]] = {}

    def put(asset: str, free: Decimal, hold: Decimal) -> None:
        total, held = totals.get(asset, (ZERO, ZERO))
        totals[asset] = add(total, add(free, hold)), add(held, hold)

    for account in accounts:
        hold = amount(account.hold.value) if account.hold else ZERO
        put(account.currency, amount(account.available_balance.value), hold)
    if futures is not None:
        hold = amount(futures.total_open_orders_hold_amount.value)
        free = sub(amount(futures.cfm_usd_balance.value), hold)
        put(futures.cfm_usd_balance.currency, free, hold)
    return [Balance(asset, *totals[asset]) for asset in sorted(totals)]


def margin_of(futures: FutureBalances) -> MarginState:
    """
    Return how contracts are covered: equity is the threshold and the buffer over it.

    Raises:
        VenueError: The venue leaves one of these amounts out.
    """
    kept, buffer = futures.liquidation_threshold, futures.liquidation_buffer_amount
    free = futures.available_margin
    if kept is None or buffer is None or free is None:
        raise VenueError("the venue does not say how contracts are covered", where=VENUE)
    return MarginState(
        asset=futures.cfm_usd_balance.currency,
        equity=add(amount(kept.value), amount(buffer.value)),
        maintenance=amount(kept.value),
        free=amount(free.value),
    )
