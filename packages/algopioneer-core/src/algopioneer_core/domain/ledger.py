"""
Double-entry ledger: every amount that moves leaves one account and enters another.

In each asset, the sum over all accounts is zero at every moment; so what is held equals what was
put in plus all flows, to the last digit, and a missing or doubled posting cannot hide.
"""

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from algopioneer_core.domain.errors import LedgerError
from algopioneer_core.domain.money import ZERO, Money, Quantity, add, sub, total

__all__ = ["Account", "Ledger", "Posting"]


class Account(enum.Enum):
    """Where an amount can be, or whence it came."""

    HOLDINGS = "holdings"
    """Ours: cash and delivered assets."""
    MARKET = "market"
    """The other side of every trade and contract."""
    CAPITAL = "capital"
    """What the owner put in or took out."""
    FEES = "fees"
    FUNDING = "funding"
    BORROW = "borrow"
    DIVIDENDS = "dividends"
    ADJUSTMENTS = "adjustments"
    """Splits, airdrops, corrections: whatever the venue changed without a trade."""

    # Members are single objects, so their identity is hash enough, and found six times as fast.
    __hash__ = object.__hash__


_HOLDINGS: Final = Account.HOLDINGS
_MARKET: Final = Account.MARKET
_FEES: Final = Account.FEES
_UNTOUCHED: Final[Mapping[Account, Money]] = {}


class Posting(NamedTuple):
    """An amount that enters an account (negative: leaves it)."""

    account: Account
    asset: str
    amount: Money


class Ledger:
    """Balances of accounts by asset; only balanced entries can be posted."""

    __slots__ = ("_balances",)

    def __init__(self) -> None:
        # By asset first: a trade touches five balances of two assets.
        self._balances: defaultdict[str, dict[Account, Money]] = defaultdict(dict)

    def transfer(self, source: Account, target: Account, asset: str, amount: Money) -> None:
        """
        Move *amount* of *asset* from *source* to *target*; a negative amount moves back.

        Raises:
            decimal.Inexact: A balance would need more than 60 digits; nothing was moved.
        """
        if source is target:
            return
        row = self._balances[asset]
        left = sub(row.get(source, ZERO), amount)
        row[target] = add(row.get(target, ZERO), amount)
        row[source] = left

    def trade(self, base: str, bought: Quantity, quote: str, paid: Money, fee: Money) -> Money:
        """
        Post an exchange with the market: *bought* units of base for *paid* of quote, and its fee.

        The same as three transfers out of the holdings; one entry, because it is posted at every
        fill. A sale has negative amounts; a negative fee is a rebate, in quote.

        Returns:
            What is held of quote after it.

        Raises:
            decimal.Inexact: A balance would need more than 60 digits; nothing was posted.
        """
        goods, money = self._balances[base], self._balances[quote]
        held = sub(money.get(_HOLDINGS, ZERO), add(paid, fee))
        market, fees = add(money.get(_MARKET, ZERO), paid), add(money.get(_FEES, ZERO), fee)
        stock = add(goods.get(_HOLDINGS, ZERO), bought)
        source = sub(goods.get(_MARKET, ZERO), bought)
        money[_HOLDINGS], money[_MARKET], money[_FEES] = held, market, fees
        goods[_HOLDINGS], goods[_MARKET] = stock, source
        return held

    def post(self, postings: Iterable[Posting]) -> None:
        """
        Post one entry whole, or not at all.

        Raises:
            LedgerError: The postings do not sum to zero in some asset; nothing was posted.
            decimal.Inexact: A balance would need more than 60 digits; nothing was posted.
        """
        entry = tuple(postings)
        sums: dict[str, Decimal] = {}
        for posting in entry:
            sums[posting.asset] = add(sums.get(posting.asset, ZERO), posting.amount)
        for asset, left in sums.items():
            if left:
                raise LedgerError(f"an entry is out of balance by {left}", where=asset)
        changed: dict[tuple[Account, str], Money] = {}
        for account, asset, amount in entry:
            key = (account, asset)
            held = changed[key] if key in changed else self.balance(account, asset)
            changed[key] = add(held, amount)
        for (account, asset), amount in changed.items():
            self._balances[asset][account] = amount

    def balance(self, account: Account, asset: str) -> Money:
        """Return what *account* has of *asset*; zero when it was never touched."""
        return self._balances.get(asset, _UNTOUCHED).get(account, ZERO)

    def balances(self) -> Mapping[tuple[Account, str], Money]:
        """Return a copy of all balances that were ever touched."""
        return {
            (account, asset): amount
            for asset, row in self._balances.items()
            for account, amount in row.items()
        }

    def restore(self, balances: Mapping[tuple[Account, str], Money]) -> None:
        """
        Replace all balances by saved ones.

        Raises:
            LedgerError: The saved balances do not sum to zero in some asset.
        """
        fresh = Ledger()
        fresh.post(Posting(account, asset, amount) for (account, asset), amount in balances.items())
        self._balances = fresh._balances

    def imbalance(self, asset: str) -> Money:
        """Return the sum over all accounts of *asset*: zero, unless there is a bug here."""
        return total(*self._balances.get(asset, _UNTOUCHED).values())
