"""
Figures of the trades, from exact money.

The event engine adds one round trip after the other; the vector engine sums scaled integers and
hands over the totals. Both end in `TradeFigures.of`, so they cannot differ.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Final, Self

from attrs import frozen

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.money import ZERO, Money, add, divide_half_even, plain, sub
from algopioneer_core.domain.round_trips import RoundTrip

__all__ = ["AVERAGE_PLACES", "TradeFigures", "TradeStatistics", "TradeTotals", "turnover_of"]

_BUY: Final = Side.BUY
AVERAGE_PLACES: Final = 8
"""Decimals to which average amounts are rounded, half to even."""


@frozen(kw_only=True)
class TradeTotals:
    """Sums over all round trips, exact; all zero and None when there were none."""

    total: int = 0
    winning: int = 0
    """Trades with a PnL above zero, net of fees."""
    losing: int = 0
    """Trades with a PnL below zero, net of fees."""
    gross_profit: Money = ZERO
    """Sum of the PnL of the winning trades."""
    gross_loss: Money = ZERO
    """Sum of the PnL of the losing trades, as a positive amount."""
    best: Money | None = None
    """Largest PnL of one trade; negative when all lost."""
    worst: Money | None = None
    """Smallest PnL of one trade."""
    fees: Money = ZERO
    """Fees of both ways; positive is a cost."""
    turnover: Money = ZERO
    """Value of all fills, entries and exits, unsigned and without fees: an amount, not the ratio to
    mean assets that funds publish."""


def turnover_of(trade: RoundTrip, *, inverse: bool = False) -> Money:
    """
    Return the value of the entry and exit fills of *trade*, unsigned, without fees.

    The exit value follows from the identity PnL + fees = exit value - entry value of a long
    linear trade; the sign turns for a short one, and turns again for an inverse contract.
    """
    gross = add(trade.pnl, trade.fees)
    rises, cost = (trade.side is _BUY) is not inverse, trade.cost
    return add(cost, add(cost, gross) if rises else sub(cost, gross))


class TradeStatistics:
    """
    Sums round trips one by one, in constant memory.

    Args:
        inverse: Whether the trades are of inverse contracts (only turnover depends on it).
    """

    def __init__(self, *, inverse: bool = False) -> None:
        self._inverse = inverse
        self._total = self._winning = self._losing = 0
        self._profit = self._loss = self._fees = self._turnover = ZERO
        self._best: Money | None = None
        self._worst: Money | None = None

    def add(self, trade: RoundTrip) -> None:
        """Count *trade*."""
        self.count(trade.pnl, trade.fees, turnover_of(trade, inverse=self._inverse))

    def count(self, pnl: Money, fees: Money, turnover: Money) -> None:
        """Count a trade of these amounts; the legs of a pair are one trade, with their sums."""
        self._total += 1
        if pnl > ZERO:
            self._winning += 1
            self._profit = add(self._profit, pnl)
        elif pnl < ZERO:
            self._losing += 1
            self._loss = sub(self._loss, pnl)
        self._best = pnl if self._best is None or pnl > self._best else self._best
        self._worst = pnl if self._worst is None or pnl < self._worst else self._worst
        self._fees = add(self._fees, fees)
        self._turnover = add(self._turnover, turnover)

    def totals(self) -> TradeTotals:
        """Return the sums so far."""
        return TradeTotals(
            total=self._total,
            winning=self._winning,
            losing=self._losing,
            gross_profit=self._profit,
            gross_loss=self._loss,
            best=self._best,
            worst=self._worst,
            fees=self._fees,
            turnover=self._turnover,
        )

    def finish(self) -> "TradeFigures":
        """Return the figures of the trades so far."""
        return TradeFigures.of(self.totals())


def _average(amount: Money, count: int) -> Money | None:
    return divide_half_even(amount, Decimal(count), places=AVERAGE_PLACES) if count else None


def _text(amount: Money | None) -> str | None:
    return None if amount is None else plain(amount)


@frozen(kw_only=True)
class TradeFigures:
    """How the trades went; None where a figure is undefined."""

    totals: TradeTotals
    win_rate_pct: float | None
    """Winning trades in per cent of all trades, those without gain or loss included; None without
    trades."""
    profit_factor: float | None
    """Gross profit divided by gross loss (Schwager, *Technical Analysis*, 1996); None without a
    losing trade."""
    expectancy: Money | None
    """Mean PnL of a trade: win rate * average win + loss rate * average loss (Tharp, *Trade Your
    Way to Financial Freedom*, 1998, in money instead of multiples of risk); rounded half to even
    at 8 decimals; None without trades."""
    average_win: Money | None
    """Mean PnL of the winning trades, rounded likewise; None without one."""
    average_loss: Money | None
    """Mean PnL of the losing trades, negative, rounded likewise; None without one."""

    @classmethod
    def of(cls, totals: TradeTotals) -> Self:
        """Return the figures that follow from *totals*; ratios are the nearest floats."""
        profit, loss = totals.gross_profit, totals.gross_loss
        return cls(
            totals=totals,
            win_rate_pct=100 * totals.winning / totals.total if totals.total else None,
            profit_factor=float(Fraction(profit) / Fraction(loss)) if totals.losing else None,
            expectancy=_average(sub(profit, loss), totals.total),
            average_win=_average(profit, totals.winning),
            average_loss=_average(sub(ZERO, loss), totals.losing),
        )

    def as_dict(self) -> dict[str, object]:
        """Return the trade keys of `results.json`: counts, ratios, and money as exact text."""
        totals = self.totals
        return {
            "total_trades": totals.total,
            "winning_trades": totals.winning,
            "losing_trades": totals.losing,
            "win_rate_pct": self.win_rate_pct,
            "profit_factor": self.profit_factor,
            "expectancy": _text(self.expectancy),
            "average_win": _text(self.average_win),
            "average_loss": _text(self.average_loss),
            "best_trade": _text(totals.best),
            "worst_trade": _text(totals.worst),
            "gross_profit": plain(totals.gross_profit),
            "gross_loss": plain(totals.gross_loss),
            "fees_paid": plain(totals.fees),
            "turnover": plain(totals.turnover),
        }
