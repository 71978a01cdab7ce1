"""An account that fills late, and the pairs rule written down a second time, naively."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from attrs import define, field

from algopioneer_core.domain.commands import CloseSpread, OpenSpread
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.history.columns import BarColumns
from algopioneer_strategies.pairs import Pairs

A = InstrumentId("sim", "AAA-USD")
B = InstrumentId("sim", "BBB-USD")
MINUTE = 60_000_000_000
Decision = tuple[int, str]


def joint_bar(index: int, a: int, b: int, decimals: tuple[int, int] = (2, 2)) -> JointBar:
    """Return the joint bar number *index* with these closes in ticks."""
    now = (index + 1) * MINUTE
    bars = (
        Bar(leg, now, tick, tick, tick, tick, 0, places, 0, now)
        for leg, tick, places in zip((A, B), (a, b), decimals, strict=True)
    )
    return JointBar(now, tuple(bars))


def columns(leg: InstrumentId, closes: Sequence[int], decimals: int = 2) -> BarColumns:
    """Return bars that trade at their closes only."""
    prices = np.array(closes, np.int64)
    return BarColumns(
        instrument_id=leg,
        interval_ns=MINUTE,
        ts_ns=np.arange(1, len(closes) + 1, dtype=np.int64) * MINUTE,
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.zeros(len(closes), np.int64),
        price_decimals=decimals,
        volume_decimals=0,
    )


@define
class Account:
    """Holds one unit of spread at most; its fills come a fixed number of bars late."""

    wait: int = 1
    held: int = 0
    due: int | None = None
    wanted: int = 0
    decisions: list[Decision] = field(factory=list)
    opened: list[OpenSpread] = field(factory=list)

    @property
    def has_working_orders(self) -> bool:
        return self.due is not None

    def quantity(self, leg: InstrumentId) -> Decimal:
        return Decimal(self.held if leg == A else -self.held)

    def run(self, strategy: Pairs, bars: Sequence[JointBar], start: int = 0) -> None:
        """Feed *bars*, of which the first has the number *start*, and fill what is ordered."""
        for index, joint in enumerate(bars, start):
            if self.due == index:
                self.held, self.due = self.wanted, None
            for command in strategy.on_event(joint, self):  # type: ignore[arg-type]  # what it uses
                self._order(index, command)

    def _order(self, index: int, command: object) -> None:
        assert self.due is None
        self.due = index + self.wait
        if isinstance(command, OpenSpread):
            assert not self.held
            self.opened.append(command)
            self.wanted = 1 if command.buy == A else -1
            self.decisions.append((index, "long" if self.wanted > 0 else "short"))
        else:
            assert isinstance(command, CloseSpread)
            assert self.held
            assert command.stop == (command.reason in ("z_stop", "time_stop"))
            self.wanted = 0
            self.decisions.append((index, command.reason))


class Z(NamedTuple):
    """A window of spreads, centred: z is last / root of (squares / count)."""

    last: int
    """The last spread less the mean, times count."""
    squares: int
    """The sum of the squares of all of them less the mean, times count squared."""
    size: int

    def side(self, level: Fraction) -> int:
        """Return the sign of z - level, by the order that u * |u| keeps."""
        left = self.size * self.last * abs(self.last)
        right = level * abs(level) * self.squares
        return (left > right) - (left < right)


def centred(values: Sequence[int]) -> list[int]:
    """Return each value less their mean, times their number."""
    total = sum(values)
    return [len(values) * value - total for value in values]


@define
class Oracle:
    """The rule of the pairs strategy, read off its description and nothing else."""

    window: int
    entry: Fraction
    exit: Fraction
    stop: Fraction | None = None
    half_lives: float | None = None
    beta: Fraction = Fraction(1)
    hedge: str = "fixed"
    hedge_window: int = 0
    wait: int = 1
    logs: list[tuple[float, float]] = field(factory=list)
    units: list[tuple[int, int]] = field(factory=list)
    """Both logarithms in 2**-40."""
    slopes: dict[int, int | None] = field(factory=dict)

    def ratio(self, bar: int) -> int | None:
        """Return this bar's hedge ratio in 10**-9; None while there is none."""
        if self.hedge == "fixed":
            return round(self.beta * 10**9)
        if bar < self.hedge_window - 1:
            return None
        return self.slope(self.hedge_window - 1 if self.hedge == "fitted" else bar)

    def slope(self, last: int) -> int | None:
        """Return the least-squares beta of the hedge window that ends at *last*, in 10**-9."""
        if last not in self.slopes:
            pairs = self.units[last + 1 - self.hedge_window : last + 1]
            ys, xs = centred([y for y, _ in pairs]), centred([x for _, x in pairs])
            below = sum(x * x for x in xs)
            above = sum(x * y for y, x in zip(ys, xs, strict=True))
            self.slopes[last] = round(Fraction(above * 10**9, below)) if below else None
        return self.slopes[last]

    def spreads(self, bar: int, ratio: int) -> list[int]:
        """Return the window's spreads at a hedge ratio, in 2**-40 or 10**-9 of that."""
        window = slice(bar + 1 - self.window, bar + 1)
        if self.hedge == "ols":
            return [10**9 * y - ratio * x for y, x in self.units[window]]
        beta = ratio / 10**9
        return [round((log_a - beta * log_b) * 2**40) for log_a, log_b in self.logs[window]]

    def z(self, bar: int, ratio: int | None) -> Z | None:
        """Return a bar's z; None when there is no signal."""
        if ratio is None or bar < self.window - 1:
            return None
        values = centred(self.spreads(bar, ratio))
        squares = sum(value * value for value in values)
        return Z(values[-1], squares, self.window) if squares else None

    def patience(self, bar: int, ratio: int) -> int | None:
        """Return the bars that a position entered here may be held."""
        if self.half_lives is None:
            return None
        values = self.spreads(bar, ratio)
        early, late = centred(values[:-1]), centred(values[1:])
        below = sum(e * e for e in early)
        above = sum(e * v for e, v in zip(early, late, strict=True))
        if not below or above >= below:
            return None
        life = -math.log(2) / math.log(above / below) if above > 0 else 0.0
        return max(1, math.ceil(self.half_lives * life))

    def run(self, closes: Sequence[tuple[float, float]]) -> list[Decision]:
        """Return every decision on these closes."""
        self.logs = [(math.log(a), math.log(b)) for a, b in closes]
        self.units = [(round(y * 2**40), round(x * 2**40)) for y, x in self.logs]
        decisions: list[Decision] = []
        side, since, ratio, limit = 0, 0, 0, None
        next_decision, barred = 0, False
        for bar in range(len(closes)):
            now = self.ratio(bar)
            here = self.z(bar, now)
            if barred and here and here.side(self.entry) < 0 < here.side(-self.entry):
                barred = False
            if bar < next_decision:
                continue
            if side:
                reason = self.leave(bar, side, ratio, limit is not None and bar - since >= limit)
                if reason:
                    decisions.append((bar, reason))
                    side, barred = 0, barred or reason != "signal"
                    next_decision = bar + self.wait
            elif here and now is not None and now > 0 and not barred:
                side = self.enter(here)
                if side:
                    decisions.append((bar, "long" if side > 0 else "short"))
                    since, ratio, limit = bar, now, self.patience(bar, now)
                    next_decision = bar + self.wait
        return decisions

    def enter(self, here: Z) -> int:
        """Return 1 to buy the spread, -1 to sell it, 0 to stay out."""
        if self.stop is not None and (here.side(self.stop) >= 0 or here.side(-self.stop) <= 0):
            return 0
        return (here.side(-self.entry) < 0) - (here.side(self.entry) > 0)

    def leave(self, bar: int, side: int, ratio: int, late: bool) -> str | None:
        """Return why a position must be left; None to stay."""
        here = self.z(bar, ratio)
        if here and self.stop and (here.side(self.stop) > 0 or here.side(-self.stop) < 0):
            return "z_stop"
        if late:
            return "time_stop"
        if not here:
            return None
        back = here.side(-self.exit) > 0 if side > 0 else here.side(self.exit) < 0
        return "signal" if back else None


def wandering(count: int, seed: int, speed: float = 0.95) -> list[tuple[int, int]]:
    """Return closes whose spread comes back slowly, in ticks of a cent."""
    draws = np.random.Generator(np.random.PCG64(seed)).normal(0, 0.01, (2, count))
    base, spread = np.cumsum(draws[0]), np.zeros(count)
    for bar in range(1, count):
        spread[bar] = speed * spread[bar - 1] + draws[1, bar]
    a, b = np.rint(1e4 * np.exp(base + spread)), np.rint(5e3 * np.exp(base))
    return list(zip(a.astype(int).tolist(), b.astype(int).tolist(), strict=True))


@pytest.fixture(scope="session")
def kit() -> Any:
    """The helpers of this folder, for its tests cannot import one another."""
    return SimpleNamespace(
        A=A,
        B=B,
        Account=Account,
        Oracle=Oracle,
        joint_bar=joint_bar,
        columns=columns,
        oracle_of=oracle_of,
        wandering=wandering,
        bars=lambda closes, decimals=(2, 2): [
            joint_bar(index, a, b, decimals) for index, (a, b) in enumerate(closes)
        ],
        legs=lambda closes: [
            columns(leg, [pair[at] for pair in closes]) for at, leg in enumerate((A, B))
        ],
        prices=lambda closes, decimals=(2, 2): [
            (a / 10 ** decimals[0], b / 10 ** decimals[1]) for a, b in closes
        ],
    )


def oracle_of(config: Any, wait: int = 1) -> Oracle:
    """Return the oracle for a configuration of the strategy."""
    exact: Callable[[Decimal], Fraction] = Fraction
    return Oracle(
        window=config.window,
        entry=exact(config.z_entry),
        exit=exact(config.z_exit),
        stop=None if config.z_stop is None else exact(config.z_stop),
        half_lives=None if config.time_stop is None else float(config.time_stop),
        beta=exact(config.beta),
        hedge=config.hedge.value,
        hedge_window=config.hedge_window or config.window,
        wait=wait,
    )
