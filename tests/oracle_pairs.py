"""
The pairs backtest, computed from the rules alone: a second opinion.

    python tests/oracle_pairs.py closes.csv KO PEP --window 60 --z-stop 4 --fee-bps 10

It shares no line with the project and imports nothing but the standard library. Every number is a
`Fraction`, so nothing is ever rounded except where the rules say so: the spread, once, to 2**-40,
and the quantity of a leg, down to 1e-8. It prints the trades and the final cash as JSON, numbers as
`numerator/denominator`.

The file has a column `Date` and one of closes for each symbol, stamped by the close; an empty cell
means that the symbol has no bar. There is no open in it, so the open of a bar is its close.
"""

import argparse
import csv
import datetime
import gzip
import io
import json
import math
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

STEP = Fraction(1, 10**8)
UNITS = 2**40


class Joint(NamedTuple):
    """One time at which both legs have a bar."""

    closed: datetime.datetime
    a: str
    b: str


@dataclass
class Rules:
    """What the command line says."""

    window: int
    entry: Fraction
    exit: Fraction
    stop: Fraction | None
    beta: float
    fitted: bool
    fee: Fraction
    slippage: Fraction
    share: Fraction
    notional: Fraction | None
    capital: Fraction
    at_close: bool


@dataclass
class Account:
    """Cash, what is held, and the legs' trades so far."""

    rules: Rules
    cash: Fraction
    quantities: list[Fraction] = field(default_factory=lambda: [Fraction(0), Fraction(0)])
    entries: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, str]] = field(default_factory=list)

    def fill(self, leg: int, quantity: Fraction, price: Fraction) -> tuple[Fraction, Fraction]:
        """Buy or (negative) sell; return the price paid and the fee."""
        worse = 1 + self.rules.slippage if quantity > 0 else 1 - self.rules.slippage
        paid = price * worse
        fee = abs(quantity) * paid * self.rules.fee
        self.cash -= quantity * paid + fee
        self.quantities[leg] += quantity
        return paid, fee

    def enter(self, quantities: tuple[Fraction, Fraction], joint: Joint, time: str) -> None:
        """Open both legs."""
        self.entries = []
        for leg, price in enumerate((joint.a, joint.b)):
            paid, fee = self.fill(leg, quantities[leg], Fraction(price))
            self.entries.append({"time": time, "price": paid, "fee": fee})

    def leave(self, joint: Joint, time: str, reason: str) -> None:
        """Close both legs."""
        for leg, price in enumerate((joint.a, joint.b)):
            held, entry = self.quantities[leg], self.entries[leg]
            paid, fee = self.fill(leg, -held, Fraction(price))
            fees = entry["fee"] + fee
            self.trades.append(
                {
                    "leg": "ab"[leg],
                    "entry_time": entry["time"],
                    "exit_time": time,
                    "side": "buy" if held > 0 else "sell",
                    "quantity": str(abs(held)),
                    "entry_price": str(entry["price"]),
                    "exit_price": str(paid),
                    "pnl": str(held * (paid - entry["price"]) - fees),
                    "fees": str(fees),
                    "exit_reason": reason,
                }
            )

    def equity(self, joint: Joint) -> Fraction:
        """Return cash and both legs at the closes."""
        a, b = self.quantities
        return self.cash + a * Fraction(joint.a) + b * Fraction(joint.b)


def read(path: Path, a: str, b: str) -> list[Joint]:
    """Return the times at which both symbols have a close."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return [
        Joint(datetime.datetime.fromisoformat(row["Date"]), row[a], row[b])
        for row in csv.DictReader(io.StringIO(text))
        if row[a] and row[b]
    ]


def spread_units(joint: Joint, beta: float) -> int:
    """Return ln a - beta ln b in units of 2**-40."""
    return round((math.log(float(joint.a)) - beta * math.log(float(joint.b))) * UNITS)


def fitted_beta(joints: list[Joint]) -> float:
    """Return the least-squares slope of ln a on ln b, rounded to 9 decimals."""
    y = [round(math.log(float(joint.a)) * UNITS) for joint in joints]
    x = [round(math.log(float(joint.b)) * UNITS) for joint in joints]
    n = len(joints)
    above = n * sum(i * j for i, j in zip(x, y, strict=True)) - sum(x) * sum(y)
    below = n * sum(i * i for i in x) - sum(x) ** 2
    return round(Fraction(above, below) * 10**9) / 10**9


class Score(NamedTuple):
    """z = deviation / root of variance, both scaled by the window."""

    deviation: int
    variance: int

    def above(self, level: Fraction) -> bool:
        """Return whether z > level."""
        left, right = Fraction(self.deviation), level
        if left >= 0 > right:
            return True
        if left <= 0 <= right:
            return False
        farther = left**2 > right**2 * self.variance
        nearer = left**2 < right**2 * self.variance
        return farther if left > 0 else nearer

    def below(self, level: Fraction) -> bool:
        """Return whether z < level."""
        return Score(-self.deviation, self.variance).above(-level)


def score(window: list[int]) -> Score | None:
    """Return the score of the last spread among all of *window*; None when nothing varies."""
    n, total = len(window), sum(window)
    variance = n * sum(each * each for each in window) - total**2
    return Score(n * window[-1] - total, variance) if variance else None


def text(moment: datetime.datetime) -> str:
    """Return a time as the project writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def trade(joints: list[Joint], rules: Rules) -> Account:
    """Return the account after all bars."""
    beta = fitted_beta(joints[: rules.window]) if rules.fitted else rules.beta
    spreads = [spread_units(joint, beta) for joint in joints]
    account = Account(rules, rules.capital)
    wish: tuple[Fraction, Fraction] | str | None = None
    armed, last = True, len(joints) - 1
    for index, joint in enumerate(joints):
        filled = joint.closed if rules.at_close else joint.closed - datetime.timedelta(days=1)
        if isinstance(wish, tuple):
            account.enter(wish, joint, text(filled))
        elif wish is not None:
            account.leave(joint, text(filled), wish)
        wish = None
        held = account.quantities[0]
        if held and index == last:
            account.leave(joint, text(joint.closed), "end_of_data")
        if index == last or index < rules.window - 1:
            continue
        z = score(spreads[index - rules.window + 1 : index + 1])
        if z is None:
            continue
        calm = z.below(rules.entry) and z.above(-rules.entry)
        armed = armed or calm
        if held:
            wish = reason_to_leave(z, held, rules)
            armed = armed and wish != "z_stop"
        elif armed and not calm:
            wish = wished_entry(z, account, joint, rules)
    return account


def reason_to_leave(z: Score, held: Fraction, rules: Rules) -> str | None:
    """Return why the spread is left now, if it is."""
    if rules.stop is not None and (z.above(rules.stop) or z.below(-rules.stop)):
        return "z_stop"
    back = z.above(-rules.exit) if held > 0 else z.below(rules.exit)
    return "signal" if back else None


def wished_entry(
    z: Score, account: Account, joint: Joint, rules: Rules
) -> tuple[Fraction, Fraction] | None:
    """Return the signed quantities of an entry, if there is one."""
    stop = rules.stop
    if stop is not None and not (z.below(stop) and z.above(-stop)):
        return None
    high, low = z.above(rules.entry), z.below(-rules.entry)
    if not high and not low:
        return None
    amount = account.equity(joint) * rules.share if rules.notional is None else rules.notional
    a = amount / 2 / Fraction(joint.a) // STEP * STEP
    b = amount / 2 / Fraction(joint.b) // STEP * STEP
    if a <= 0 or b <= 0:
        return None
    return (-a, b) if high else (a, -b)


def main() -> None:
    """Read the command line, trade, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--window", type=int, default=60)
    parser.add_argument("--z-entry", type=Fraction, default=Fraction(2))
    parser.add_argument("--z-exit", type=Fraction, default=Fraction(1, 2))
    parser.add_argument("--z-stop", type=Fraction)
    parser.add_argument("--beta", type=float, default=1.0)
    parser.add_argument("--fitted", action="store_true")
    parser.add_argument("--fee-bps", type=Fraction, default=Fraction(0))
    parser.add_argument("--slippage-bps", type=Fraction, default=Fraction(0))
    parser.add_argument("--share", type=Fraction, default=Fraction(1))
    parser.add_argument("--notional", type=Fraction)
    parser.add_argument("--fill", choices=("next-open", "next-close"), default="next-open")
    said = parser.parse_args()
    rules = Rules(
        window=said.window,
        entry=said.z_entry,
        exit=said.z_exit,
        stop=said.z_stop,
        beta=said.beta,
        fitted=said.fitted,
        fee=said.fee_bps / 10_000,
        slippage=said.slippage_bps / 10_000,
        share=said.share,
        notional=said.notional,
        capital=Fraction(10_000),
        at_close=said.fill == "next-close",
    )
    account = trade(read(said.file, said.a, said.b), rules)
    sys.stdout.write(json.dumps({"cash": str(account.cash), "trades": account.trades}) + "\n")


if __name__ == "__main__":
    main()
