"""
The basis strategy, written a second time, from its description and with nothing of ours.

Spot is bought and a perpetual sold, linear or inverse; funding is paid; orders fill at the next
open with slippage and fee. Amounts are fractions, except that the worth of an inverse contract is
rounded half to even at 18 decimals, as the description says. One numeraire: the quote currency;
what is earned in coins is worth the spot's last close.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

BPS = Fraction(1, 10_000)


@dataclass
class Market:
    """Bars of both legs at the same times, and what the perpetual pays."""

    opens: list[tuple[Fraction, Fraction]]
    closes: list[tuple[Fraction, Fraction]]
    funding: dict[int, Fraction]
    """Bar at whose close it is paid -> rate; positive is paid by who is long."""


@dataclass
class Terms:
    """What is traded and on which conditions."""

    entry_bps: Fraction
    exit_bps: Fraction
    fee_bps: Fraction
    slippage_bps: Fraction
    multiplier: Fraction
    inverse: bool
    capital: Fraction
    spot_step: Fraction
    contract_step: Fraction = Fraction(1)


@dataclass
class Book:
    """What the account has."""

    money: Fraction
    coins: Fraction = Fraction(0)
    """Earned by an inverse contract; the spot is not in here."""
    spot: Fraction = Fraction(0)
    contracts: Fraction = Fraction(0)
    opened_at: Fraction = Fraction(0)
    """What the open contracts were worth when they were opened, signed."""
    funding: Fraction = Fraction(0)
    """Received for the open position, in its own asset."""
    funding_of_all: Fraction = Fraction(0)
    equity: list[Fraction] = field(default_factory=list)
    entries: list[tuple[int, Fraction, Fraction]] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)


def worth(terms: Terms, contracts: Fraction, price: Fraction) -> Fraction:
    """Return the worth of contracts: in money, of inverse ones in coins."""
    if not terms.inverse:
        return contracts * terms.multiplier * price
    return Fraction(round(contracts * terms.multiplier / price * 10**18), 10**18)


def equity(terms: Terms, book: Book, closes: tuple[Fraction, Fraction]) -> Fraction:
    """Return what the account is worth in money."""
    spot, future = closes
    total = book.money + (book.coins + book.spot) * spot
    now = worth(terms, book.contracts, future)
    if terms.inverse:
        return total + (book.opened_at - now) * spot
    return total + now - book.opened_at


def down(value: Fraction, step: Fraction) -> Fraction:
    """Return *value* rounded down to the step."""
    return floor(value / step) * step


def sizes(
    terms: Terms, amount: Fraction, closes: tuple[Fraction, Fraction]
) -> tuple[Fraction, ...]:
    """Return units of spot and contracts: the same base on both sides, out of half each."""
    spot, future = closes
    one = terms.multiplier / future if terms.inverse else terms.multiplier
    by_money = amount / 2 / (terms.multiplier if terms.inverse else terms.multiplier * future)
    base = min(down(amount / 2 / spot, terms.spot_step), down(by_money, terms.contract_step) * one)
    contracts = down(base / one, terms.contract_step)
    return down(min(base, contracts * one), terms.spot_step), contracts


def fill(
    terms: Terms, book: Book, opens: tuple[Fraction, Fraction], spot: Fraction, contracts: Fraction
) -> None:
    """Trade signed quantities of both legs."""
    slip, fee = terms.slippage_bps * BPS, terms.fee_bps * BPS
    price = opens[0] * (1 + slip if spot > 0 else 1 - slip)
    book.money -= spot * price + abs(spot * price) * fee
    book.spot += spot
    price = opens[1] * (1 + slip if contracts > 0 else 1 - slip)
    value = worth(terms, contracts, price)
    if book.contracts:  # all of it is closed
        gain = -value - book.opened_at
        earned, book.opened_at = (-gain if terms.inverse else gain), Fraction(0)
    else:
        earned, book.opened_at = Fraction(0), value
    earned -= abs(value) * fee
    book.contracts += contracts
    if terms.inverse:
        book.coins += earned
    else:
        book.money += earned


def run(terms: Terms, market: Market) -> Book:
    """Return the account after the last bar, when everything was closed at the last close."""
    book = Book(money=terms.capital)
    waiting: tuple[Fraction, Fraction] | None = None
    last = len(market.closes) - 1
    for bar, closes in enumerate(market.closes):
        if waiting is not None:
            fill(terms, book, market.opens[bar], *waiting)
            if book.spot:
                book.entries.append((bar, book.spot, book.contracts))
                book.funding = Fraction(0)
            else:
                book.exits.append(bar)
            waiting = None
        pay(terms, book, market.funding.get(bar), closes)
        if bar < last:
            waiting = decide(terms, book, closes)
        elif book.spot:
            fill(terms, book, closes, -book.spot, -book.contracts)
            book.exits.append(bar)
        book.equity.append(equity(terms, book, closes))
    return book


def pay(terms: Terms, book: Book, rate: Fraction | None, closes: tuple[Fraction, Fraction]) -> None:
    """Book a payment on what is held."""
    if rate is None or not book.contracts:
        return
    amount = -worth(terms, book.contracts, closes[1]) * rate
    book.funding_of_all += amount
    if terms.inverse:
        book.coins += amount
        amount *= closes[0]
    else:
        book.money += amount
    book.funding += amount


def decide(
    terms: Terms, book: Book, closes: tuple[Fraction, Fraction]
) -> tuple[Fraction, Fraction] | None:
    """Return what to trade at the next open; None for nothing."""
    spot, future = closes
    to_earn = future - spot
    costs = 2 * (terms.fee_bps + terms.slippage_bps) * BPS * (spot + future)
    if not book.spot:
        if to_earn - costs < terms.entry_bps * BPS * spot:
            return None
        units, contracts = sizes(terms, equity(terms, book, closes), closes)
        return units, -contracts
    earned = book.funding / (book.spot * spot) * spot
    if to_earn - earned > terms.exit_bps * BPS * spot:
        return None
    return -book.spot, -book.contracts
