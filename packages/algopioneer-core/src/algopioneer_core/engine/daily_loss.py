"""
The daily loss of one strategy, or of all together, and what it leads to.

Day PnL = equity - equity at the boundary - transfers since then. Rules that need saying:

- The equity at the boundary is the last one known before it. A strategy that is first seen in the
  middle of a day begins its day there.
- When nobody was watching as the boundary passed (the session was down, or equity was unknown),
  the boundary equity is the *larger* of the last one known and the first one seen after, so that a
  loss made meanwhile counts and a gain made meanwhile does not become room to lose. A session that
  can value its positions at the boundary from history says so with `rebuild`.
- A stage stays until the next boundary, even if the loss is made good.
- A total of which one part is unknown is unknown, and who asks has to refuse.
"""

import enum
from collections.abc import Iterator, Mapping
from decimal import Decimal

from attrs import define

from algopioneer_core.domain.money import ZERO, Money, add, mul, neg, sub
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.trading_day import TradingCalendar

__all__ = ["DailyLoss", "LossStage"]


class LossStage(enum.IntEnum):
    """What the day's loss allows; each stage includes the ones before it."""

    NORMAL = 0
    WARN = 1
    """Someone should look."""
    NO_NEW_POSITIONS = 2
    """A flat instrument stays flat; a position that exists may grow."""
    REDUCE_ONLY = 3
    FLATTEN = 4
    """The engine closes what is open."""


@define
class _DayBook:
    """One strategy's day."""

    equity: Money | None = None
    """The last one known."""
    boundary: Money | None = None
    """Equity at the start of the day; None before anything is known."""
    transfers: Money = ZERO
    """Paid in (positive) and out since the start of the day."""
    pending: Money | None = ZERO
    """Of these, what the last known equity does not contain yet; None when not known."""
    unknown: bool = True
    """Whether equity is not known at present."""
    unwatched: bool = False
    """Whether the boundary passed while equity was not known."""
    unclear: bool = False
    """Whether an amount of today's transfers is not known."""
    withdrawn: bool = False
    """Whether the strategy is gone, and counts for the rest of the day only."""

    def begin_day(self) -> None:
        self.boundary = None
        if self.equity is not None and self.pending is not None:
            self.boundary = add(self.equity, self.pending)
        self.transfers = self.pending = ZERO
        self.unwatched = self.unknown and self.boundary is not None
        self.unclear = False

    def report(self, equity: Money | None) -> None:
        self.unknown = equity is None
        if equity is None:
            return
        own = sub(equity, self.transfers)
        if self.boundary is None:
            self.boundary = own
        elif self.unwatched:
            self.boundary = max(self.boundary, own)
        self.unwatched = False
        self.equity, self.pending = equity, ZERO

    def transfer(self, amount: Money | None) -> None:
        if amount is None:
            self.unclear, self.pending = True, None
            return
        self.transfers = add(self.transfers, amount)
        if self.pending is not None:
            self.pending = add(self.pending, amount)

    @property
    def pnl(self) -> Money | None:
        if self.unknown or self.unclear or self.boundary is None or self.equity is None:
            return None
        return sub(sub(self.equity, self.boundary), self.transfers)


class DailyLoss:
    """
    Follows equities over trading days and knows the stage they have reached.

    Args:
        limits: The losses at which the stages begin.
        calendar: When days begin.
    """

    def __init__(self, limits: RiskLimits, calendar: TradingCalendar) -> None:
        self._limits = limits
        self._calendar = calendar
        self._books: dict[str, _DayBook] = {}
        self._day: tuple[int, int] | None = None
        self.stage = LossStage.NORMAL
        """The hardest stage reached since the day began. Read only."""

    def admit(self, strategy: str) -> None:
        """Count *strategy* from now on; until its equity is reported, the day's PnL is unknown."""
        book = self._books.setdefault(strategy, _DayBook())
        if book.withdrawn:  # it comes back on the same day
            book.withdrawn, book.unknown = False, True

    def withdraw(self, strategy: str) -> None:
        """Count *strategy* with its last known equity until the day ends, and then no more."""
        book = self._books.get(strategy)
        if book is None:
            return
        book.withdrawn, book.unknown = True, False
        if book.equity is None:
            del self._books[strategy]

    def roll(self, ts_ns: int) -> None:
        """Begin a new day if *ts_ns* is past the present one; earlier times change nothing."""
        if self._day is not None and ts_ns < self._day[1]:
            return
        first = self._day is None
        self._day = self._calendar.day_of(ts_ns)
        if first:
            return
        self.stage = LossStage.NORMAL
        self._books = {name: each for name, each in self._books.items() if not each.withdrawn}
        for book in self._books.values():
            book.begin_day()

    def report(self, ts_ns: int, equities: Mapping[str, Money | None]) -> None:
        """
        Take note of equities (None: not known) and of the stage they lead to.

        What is reported together is judged together; of strategies that are not named, the last
        equity reported counts.
        """
        self.roll(ts_ns)
        for strategy, equity in equities.items():
            self._books[strategy].report(equity)
        self._evaluate()

    def transfer(self, strategy: str, ts_ns: int, amount: Money | None) -> None:
        """
        Take note of money paid in (positive) or out; None where its worth is not known.

        The stage is judged at the next `report`, when equity contains the transfer. An unknown
        amount makes the PnL unknown for the rest of the day.
        """
        self.roll(ts_ns)
        self._books[strategy].transfer(amount)

    def rebuild(self, strategy: str, boundary_equity: Money) -> None:
        """Set the equity at the start of the present day, found otherwise (from history)."""
        book = self._books[strategy]
        book.boundary = boundary_equity
        book.unwatched = False

    @property
    def pnl(self) -> Money | None:
        """The day's gain, negative when lost; None when unknown."""
        return self._sum(book.pnl for book in self._books.values())

    def _sum(self, amounts: Iterator[Money | None]) -> Money | None:
        result: Money | None = None
        for amount in amounts:
            if amount is None:
                return None
            result = amount if result is None else add(result, amount)
        return result

    def _evaluate(self) -> None:
        pnl = self.pnl
        boundary = self._sum(book.boundary for book in self._books.values())
        if pnl is None or boundary is None or pnl > 0:
            return
        loss = neg(pnl)
        for stage, begins_at in self._stages(boundary):
            if loss >= begins_at:
                self.stage = max(self.stage, stage)

    def _stages(self, boundary: Money) -> Iterator[tuple[LossStage, Money]]:
        """Yield the stages that are set, with the loss at which each begins."""
        limits, limit = self._limits, self._limit(boundary)
        for stage, share, own in (
            (LossStage.WARN, limits.warn_at, limits.warn_loss),
            (LossStage.NO_NEW_POSITIONS, limits.no_new_at, limits.no_new_loss),
            (LossStage.REDUCE_ONLY, limits.reduce_at, limits.reduce_loss),
            (LossStage.FLATTEN, limits.flatten_at, limits.flatten_loss),
        ):
            if own is not None:
                yield stage, own
            elif limit is not None and share is not None:
                yield stage, mul(share, limit)

    def _limit(self, boundary: Money) -> Money | None:
        """Return the day's limit; an account that began with nothing may lose nothing."""
        limit, share = self._limits.daily_loss, self._limits.daily_loss_fraction
        if share is None:
            return limit
        of_equity = mul(share, max(boundary, ZERO))
        return of_equity if limit is None else min(limit, of_equity)

    def snapshot(self) -> dict[str, object]:
        """Return the day as JSON values."""
        return {
            "day": None if self._day is None else list(self._day),
            "stage": int(self.stage),
            "books": {name: _saved(book) for name, book in self._books.items()},
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """
        Become what `snapshot` described, of any earlier time.

        What equity is now is unknown until it is reported; so a boundary that passes before that
        counts as passed unwatched.
        """
        day, books = state["day"], state["books"]
        assert isinstance(books, Mapping)
        self._day = (int(day[0]), int(day[1])) if isinstance(day, list) else None
        self.stage = LossStage(int(str(state["stage"])))
        admitted = tuple(self._books)
        self._books = {name: _book(saved) for name, saved in books.items()}
        for strategy in admitted:
            self.admit(strategy)


def _saved(book: _DayBook) -> dict[str, object]:
    return {
        "equity": None if book.equity is None else str(book.equity),
        "boundary": None if book.boundary is None else str(book.boundary),
        "transfers": str(book.transfers),
        "pending": None if book.pending is None else str(book.pending),
        "unwatched": book.unwatched,
        "unclear": book.unclear,
        "withdrawn": book.withdrawn,
    }


def _book(saved: Mapping[str, object]) -> _DayBook:
    return _DayBook(
        equity=_amount(saved["equity"]),
        boundary=_amount(saved["boundary"]),
        transfers=Decimal(str(saved["transfers"])),
        pending=_amount(saved["pending"]),
        unwatched=bool(saved["unwatched"]),
        unclear=bool(saved["unclear"]),
        withdrawn=bool(saved["withdrawn"]),
        unknown=not saved["withdrawn"],
    )


def _amount(saved: object) -> Money | None:
    return None if saved is None else Decimal(str(saved))
