"""The ledger: whatever is posted, each asset sums to zero, and an entry is whole or not at all."""

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from algopioneer_core.domain.errors import LedgerError
from algopioneer_core.domain.ledger import Account, Ledger, Posting
from algopioneer_core.domain.money import neg, total
from algopioneer_core.testing.domain import amounts

accounts = st.sampled_from(Account)
assets = st.sampled_from(("USD", "BTC"))
HUGE = Decimal("9" * 60)


class LedgerMachine(RuleBasedStateMachine):
    """Transfers, entries and restored balances in any order, beside sums of fractions."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.expected: dict[tuple[Account, str], Fraction] = {}

    def count(self, account: Account, asset: str, amount: Decimal) -> None:
        """Add *amount* to the model."""
        key = (account, asset)
        self.expected[key] = self.expected.get(key, Fraction(0)) + Fraction(amount)

    @rule(ways=st.tuples(accounts, accounts), asset=assets, amount=amounts())
    def transfer(self, ways: tuple[Account, Account], asset: str, amount: Decimal) -> None:
        source, into = ways
        self.ledger.transfer(source, into, asset, amount)
        self.count(source, asset, neg(amount))
        self.count(into, asset, amount)

    @rule(postings=st.lists(st.builds(Posting, accounts, assets, amounts()), max_size=4))
    def post_balanced(self, postings: list[Posting]) -> None:
        entry = list(postings)
        for asset in ("BTC", "USD"):
            rest = total(*(each.amount for each in postings if each.asset == asset))
            entry.append(Posting(Account.ADJUSTMENTS, asset, neg(rest)))
        self.ledger.post(entry)
        for each in entry:
            self.count(*each)

    @rule(account=accounts, asset=assets, amount=amounts().filter(bool))
    def post_unbalanced(self, account: Account, asset: str, amount: Decimal) -> None:
        with pytest.raises(LedgerError, match="out of balance"):
            self.ledger.post(
                [Posting(Account.MARKET, "ETH", Decimal(0)), Posting(account, asset, amount)]
            )

    @rule()
    def restore(self) -> None:
        saved = self.ledger.balances()
        self.ledger = Ledger()
        self.ledger.restore(saved)

    @invariant()
    def balances_are_the_sums_of_all_flows(self) -> None:
        for account in Account:
            for asset in ("BTC", "USD"):
                expected = self.expected.get((account, asset), Fraction(0))
                assert expected == Fraction(self.ledger.balance(account, asset))

    @invariant()
    def each_asset_sums_to_zero(self) -> None:
        assert not self.ledger.imbalance("USD")
        assert not self.ledger.imbalance("BTC")


def test_ledger_balances_whatever_is_posted() -> None:
    """Transfers, entries, refused entries and restored snapshots leave the sums of all flows."""
    run_state_machine_as_test(
        LedgerMachine, settings=settings(max_examples=40, stateful_step_count=25)
    )


def test_balances_are_a_copy() -> None:
    """Nobody can change the books from outside."""
    ledger = Ledger()
    ledger.transfer(Account.CAPITAL, Account.HOLDINGS, "USD", Decimal(5))
    copy = dict(ledger.balances())
    copy[(Account.HOLDINGS, "USD")] = Decimal(7)
    assert Decimal(5) == ledger.balance(Account.HOLDINGS, "USD")


def test_saved_balances_that_do_not_balance_are_refused() -> None:
    """A damaged snapshot is noticed, and the books stay as they were."""
    ledger = Ledger()
    ledger.transfer(Account.CAPITAL, Account.HOLDINGS, "USD", Decimal(5))
    with pytest.raises(LedgerError, match="USD: an entry is out of balance by 3"):
        ledger.restore({(Account.HOLDINGS, "USD"): Decimal(3)})
    assert Decimal(5) == ledger.balance(Account.HOLDINGS, "USD")


@given(accounts, assets, amounts())
def test_transfer_to_the_same_account_is_nothing(
    account: Account, asset: str, amount: Decimal
) -> None:
    """An amount that moves from an account into itself leaves no trace."""
    ledger = Ledger()
    ledger.transfer(account, account, asset, amount)
    assert {} == ledger.balances()


def test_transfer_that_cannot_be_booked_moves_nothing() -> None:
    """A balance that would need rounding stops the transfer before its first half."""
    ledger = Ledger()
    ledger.transfer(Account.CAPITAL, Account.HOLDINGS, "USD", HUGE)
    before = ledger.balances()
    for source, target in [(Account.MARKET, Account.HOLDINGS), (Account.HOLDINGS, Account.MARKET)]:
        with pytest.raises(decimal.Inexact):
            ledger.transfer(source, target, "USD", Decimal("0.1"))
        assert before == ledger.balances()


def test_entry_that_cannot_be_booked_posts_nothing() -> None:
    """A balance that would need rounding stops the whole entry."""
    ledger = Ledger()
    ledger.transfer(Account.CAPITAL, Account.HOLDINGS, "USD", HUGE)
    before = ledger.balances()
    with pytest.raises(decimal.Inexact):
        ledger.post(
            [
                Posting(Account.MARKET, "USD", Decimal("-0.1")),
                Posting(Account.HOLDINGS, "USD", Decimal("0.1")),
            ]
        )
    assert before == ledger.balances()


@given(amounts(), amounts(), amounts())
def test_a_trade_is_three_transfers_in_one(bought: Decimal, paid: Decimal, fee: Decimal) -> None:
    """Posted at once or one after the other, the balances are the same."""
    at_once, by_parts = Ledger(), Ledger()

    at_once.trade("BTC", bought, "USD", paid, fee)
    by_parts.transfer(Account.HOLDINGS, Account.MARKET, "USD", paid)
    by_parts.transfer(Account.HOLDINGS, Account.FEES, "USD", fee)
    by_parts.transfer(Account.MARKET, Account.HOLDINGS, "BTC", bought)

    assert by_parts.balances() == at_once.balances()
    assert 0 == at_once.imbalance("USD") == at_once.imbalance("BTC")
