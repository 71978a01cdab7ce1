"""
The moving average backtest, computed from the rules alone: a second opinion.

    python tests/oracle_moving_average.py bars.csv --fee-bps 10 --slippage-bps 5 --allow-short

It shares no line with the project and imports nothing but the standard library. Every number is a
`Fraction`, so nothing is ever rounded except where the rules say so (the quantity of an entry, down
to 1e-8). It prints the trades and the final cash as JSON, numbers as `numerator/denominator`.

The file has the columns timestamp (UTC, of the bar's open), open, high, low, close, volume.
"""

import argparse
import csv
import datetime
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

STEP = Fraction(1, 10**8)


class Candle(NamedTuple):
    """One row of the file."""

    opened: datetime.datetime
    open: Fraction
    close: Fraction


class Wish(NamedTuple):
    """A market order made at one close, to be filled in the next bar."""

    kind: str
    """`close` what is held, or open it by `buy` or `sell`."""
    amount: Fraction = Fraction(0)
    """Money to open with, fee included."""


@dataclass
class Rules:
    """What the command line says."""

    short: int
    long: int
    fee: Fraction
    slippage: Fraction
    share: Fraction
    quantity: Fraction | None
    capital: Fraction
    at_close: bool
    allow_short: bool


@dataclass
class Holding:
    """An open trade."""

    quantity: Fraction
    """Signed."""
    time: str
    price: Fraction
    fee: Fraction


def read(path: Path) -> list[Candle]:
    """Return the bars of a file."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Candle(
            datetime.datetime.fromisoformat(row["timestamp"]),
            Fraction(row["open"]),
            Fraction(row["close"]),
        )
        for row in rows
    ]


def text(moment: datetime.datetime) -> str:
    """Return a time as the project writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Account:
    """Cash, what is held, and the trades so far."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.cash = rules.capital
        self.held: Holding | None = None
        self.trades: list[dict[str, str]] = []

    def equity(self, price: Fraction) -> Fraction:
        """Return cash and position at *price*."""
        return self.cash + (self.held.quantity * price if self.held else 0)

    def paid(self, price: Fraction, *, buying: bool) -> Fraction:
        """Return *price* made worse by the slippage."""
        return price * (1 + self.rules.slippage if buying else 1 - self.rules.slippage)

    def enter(self, wish: Wish, price: Fraction, time: str) -> None:
        """Open a trade for the amount of *wish*, or of the fixed quantity."""
        buying = wish.kind == "buy"
        paid = self.paid(price, buying=buying)
        if self.rules.quantity is None:
            quantity = wish.amount / (paid * (1 + self.rules.fee)) // STEP * STEP
        else:
            quantity = self.rules.quantity
        if quantity <= 0:
            return
        value = quantity * paid
        fee = value * self.rules.fee
        self.cash -= (value if buying else -value) + fee
        self.held = Holding(quantity if buying else -quantity, time, paid, fee)

    def leave(self, price: Fraction, time: str, reason: str) -> None:
        """Close what is held."""
        held = self.held
        assert held is not None
        paid = self.paid(price, buying=held.quantity < 0)
        value = held.quantity * paid
        fee = abs(value) * self.rules.fee
        self.cash += value - fee
        gain = held.quantity * (paid - held.price) - held.fee - fee
        self.held = None
        self.trades.append(
            {
                "entry_time": held.time,
                "exit_time": time,
                "side": "buy" if held.quantity > 0 else "sell",
                "quantity": str(abs(held.quantity)),
                "entry_price": str(held.price),
                "exit_price": str(paid),
                "pnl": str(gain),
                "fees": str(held.fee + fee),
                "exit_reason": reason,
            }
        )

    def wishes(
        self, before: tuple[Fraction, Fraction], now: tuple[Fraction, Fraction], close: Fraction
    ) -> list[Wish]:
        """Return the orders of one decision; *before* and *now* are short and long mean."""
        rose = before[0] <= before[1] and now[0] > now[1]
        fell = before[0] >= before[1] and now[0] < now[1] and self.rules.allow_short
        side = "buy" if rose else "sell" if fell else ""
        if self.held is None:
            opening = side
            closing = False
        else:
            closing = now[0] < now[1] if self.held.quantity > 0 else now[0] > now[1]
            opening = side if closing else ""
        amount = self.equity(close) * self.rules.share
        result = [Wish("close")] if closing else []
        return [*result, Wish(opening, amount)] if opening and amount > 0 else result


def means(candles: list[Candle], window: int) -> list[Fraction | None]:
    """Return the mean of the last *window* closes at each bar; None before there are so many."""
    result: list[Fraction | None] = []
    running = Fraction(0)
    for index, candle in enumerate(candles):
        running += candle.close
        if index >= window:
            running -= candles[index - window].close
        result.append(running / window if index >= window - 1 else None)
    return result


def trade(candles: list[Candle], rules: Rules) -> dict[str, Any]:
    """Return the outcome of trading all *candles*."""
    account = Account(rules)
    length = candles[1].opened - candles[0].opened
    short, long = means(candles, rules.short), means(candles, rules.long)
    waiting: list[Wish] = []
    last = len(candles) - 1
    ruined = False
    for index, candle in enumerate(candles):
        price = candle.close if rules.at_close else candle.open
        time = text(candle.opened + length if rules.at_close else candle.opened)
        for wish in waiting:
            if wish.kind == "close":
                account.leave(price, time, "signal")
            else:
                account.enter(wish, price, time)
        waiting = []
        ruined = account.equity(candle.close) <= 0
        if ruined or index == last:
            if account.held is not None:
                reason = "ruined" if ruined else "end_of_data"
                account.leave(candle.close, text(candle.opened + length), reason)
            break
        if index >= rules.long:
            before, now = (short[index - 1], long[index - 1]), (short[index], long[index])
            assert before[0] is not None
            assert before[1] is not None
            assert now[0] is not None
            assert now[1] is not None
            waiting = account.wishes((before[0], before[1]), (now[0], now[1]), candle.close)
    return {"cash": str(account.cash), "ruined": ruined, "trades": account.trades}


def main() -> None:
    """Read the options, trade, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--short", type=int, default=5)
    parser.add_argument("--long", type=int, default=20)
    parser.add_argument("--fee-bps", type=Fraction, default=Fraction(0))
    parser.add_argument("--slippage-bps", type=Fraction, default=Fraction(0))
    parser.add_argument("--share", type=Fraction, default=Fraction(1))
    parser.add_argument("--quantity", type=Fraction)
    parser.add_argument("--capital", type=Fraction, default=Fraction(10_000))
    parser.add_argument("--fill", choices=["next-open", "next-close"], default="next-open")
    parser.add_argument("--allow-short", action="store_true")
    said = parser.parse_args()
    rules = Rules(
        said.short,
        said.long,
        said.fee_bps / 10_000,
        said.slippage_bps / 10_000,
        said.share,
        said.quantity,
        said.capital,
        said.fill == "next-close",
        said.allow_short,
    )
    print(json.dumps(trade(read(said.file), rules)))  # noqa: T201  (this is its answer)


if __name__ == "__main__":
    main()
