"""What a grid search tries on one pair, and in which market."""

import enum
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Final

from attrs import evolve, field, frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import ZERO, plain
from algopioneer_core.domain.spreads import Neutrality
from algopioneer_core.simulation.config import FillTiming
from algopioneer_strategies.pairs_config import (
    KALMAN_KEYS,
    HedgeMethod,
    KalmanScore,
    PairsConfig,
)

__all__ = ["DEFAULT_GRID", "GridMarket", "GridSpec", "bars_needed"]


class _Off(enum.Enum):
    """Settings of `PairsConfig` that a grid leaves off, with the value that is off."""

    Z_STOP = ("z_stop", None)
    TIME_STOP = ("time_stop", None)
    VOLATILITY_SPAN = ("volatility_span", None)
    NOTIONAL = ("notional", None)
    NEUTRALITY = ("neutrality", Neutrality.DOLLAR)
    KALMAN_SCORE = ("kalman_score", KalmanScore.INNOVATION)


def _not_empty(_spec: object, attribute: object, values: Sequence[object]) -> None:
    if not values:
        name = getattr(attribute, "name", "values")
        raise ConfigError("a grid needs at least one value", where=name)


def _plain_hedges(_spec: object, _: object, hedges: Sequence[PairsConfig]) -> None:
    for hedge in hedges:
        for off in _Off:
            key, value = off.value
            if getattr(hedge, key) != value:
                raise ConfigError(
                    f"a grid cannot try {key} = {getattr(hedge, key)}",
                    where="hedges",
                    remedy=f"leave {key} out, and judge it with backtest",
                )


@frozen(slots=False, kw_only=True)  # for the cached property
class GridSpec:
    """
    The cells of a grid: every combination that makes sense.

    A cell whose exit is not between its entry and the opposite entry makes none, and is left out.

    Raises:
        ConfigError: A list is empty, a value is out of range, nothing makes sense, or a hedge asks
            for what a grid cannot try (stops, volatility scaling, sizes but a share of equity).
    """

    windows: tuple[int, ...] = field(validator=_not_empty)
    """Bars of the z-score."""
    entries: tuple[Decimal, ...] = field(validator=_not_empty)
    """Levels of z where a spread is opened."""
    exits: tuple[Decimal, ...] = field(validator=_not_empty)
    """Levels of z where it is closed."""
    hedges: tuple[PairsConfig, ...] = field(
        default=(PairsConfig(),), validator=[_not_empty, _plain_hedges]
    )
    """Ways to hedge; windows and levels of these configurations do not matter."""

    def __attrs_post_init__(self) -> None:
        if not self.cells:
            raise ConfigError(
                "no exit is between its entry and the opposite entry",
                where="exits",
                remedy="lower the exits or raise the entries",
            )

    @cached_property
    def cells(self) -> tuple[PairsConfig, ...]:
        """
        The configurations, by hedge, window, entry and exit in the order in which they are given.

        Every cell is a configuration of the strategy `pairs` as it is.
        """
        return tuple(
            evolve(hedge, window=window, z_entry=entry, z_exit=leave)
            for hedge in self.hedges
            for window in self.windows
            for entry in self.entries
            for leave in self.exits
            if -entry < leave < entry
        )

    @cached_property
    def bars_needed(self) -> int:
        """Bars after which every cell can decide."""
        return max(map(bars_needed, self.cells))

    def as_dict(self) -> dict[str, object]:
        """Return what was tried as JSON values, for the ledger."""
        return {
            "windows": list(self.windows),
            "entries": [plain(each) for each in self.entries],
            "exits": [plain(each) for each in self.exits],
            "hedges": [_hedge_dict(each) for each in self.hedges],
        }


def _hedge_dict(hedge: PairsConfig) -> dict[str, object]:
    kind = {"hedge": hedge.hedge.value}
    if hedge.hedge is HedgeMethod.KALMAN:
        return {
            **kind,
            "beta": plain(hedge.beta),
            **{key: plain(getattr(hedge, key)) for key in KALMAN_KEYS},
        }
    if hedge.hedge is HedgeMethod.FIXED:
        return {**kind, "beta": plain(hedge.beta)}
    return {**kind, "hedge_window": hedge.hedge_window}


def bars_needed(cell: PairsConfig) -> int:
    """Return the bars until the strategy's first decision, the deciding one included."""
    if cell.hedge in (HedgeMethod.FIXED, HedgeMethod.KALMAN):
        return cell.window
    return max(cell.window, cell.hedge_window or 0)


def _decimals(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


DEFAULT_GRID: Final = GridSpec(
    windows=(20, 40, 60, 120),
    entries=_decimals("1.5", "1.75", "2", "2.25", "2.5", "3"),
    exits=_decimals("-0.5", "0", "0.5", "1"),
    hedges=(
        PairsConfig(hedge=HedgeMethod.FITTED),
        PairsConfig(hedge=HedgeMethod.OLS),
    ),
)
"""What discovery tries unless told otherwise; few enough that luck has little room."""


def _share(_market: object, attribute: object, value: Decimal) -> None:
    if not 0 <= value < 1:
        name = getattr(attribute, "name", "value")
        raise ConfigError(f"{name} must be in [0, 1), not {value}", where=name)


@frozen(kw_only=True)
class GridMarket:
    """
    What a grid's fills cost; each of the four fills of a round trip pays both.

    Raises:
        ConfigError: A share is out of range.
    """

    fee: Decimal = field(default=ZERO, validator=_share)
    """Fraction of the notional of each fill."""
    slippage: Decimal = field(default=ZERO, validator=_share)
    """Fraction by which each fill is worse than the bar's price."""
    fill: FillTiming = FillTiming.NEXT_OPEN
    """At which price of the next bar orders fill."""
    position_size: Decimal = field(default=Decimal(1))
    """Share of equity put into both legs together, in (0, 1]."""

    @position_size.validator
    def _positive_share(self, _attribute: object, value: Decimal) -> None:
        if not 0 < value <= 1:
            raise ConfigError(f"a share of {value} is not in (0, 1]", where="position_size")
