"""
One configuration of `pairs` in the event engine: where reported figures come from.

A grid compares cells in floats. What is said of the winner is counted again by the engine that
`backtest` uses, bar by bar and in exact money, on the same bars with the same costs.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import attrs
import numpy as np
from attrs import define, field, frozen

from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import Money
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.history.joined import JointColumns, join_bars
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, FeeModel
from algopioneer_core.simulation.result import BacktestResult, Plain
from algopioneer_core.simulation.sinks import Float64Array, Holding
from algopioneer_core.simulation.spread_backtest import SpreadBacktestRequest, run_spread_backtest
from algopioneer_core.simulation.spread_readings import Readings
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import PairsConfig
from algopioneer_strategies.research.grid_spec import GridMarket

__all__ = ["EventRun", "run_events"]

_LEGS: Final = 2


@frozen(eq=False)
class EventRun:
    """What the event engine says."""

    result: BacktestResult
    equity: Float64Array
    """At each close, in quote currency."""
    first_leg: tuple[RoundTrip, ...]
    """The first leg of every round trip, in the order of the exits."""
    z: Float64Array
    """What the strategy saw at each close; NaN where there was none."""
    hedge_ratio: Float64Array


@define(eq=False)
class _Rows:
    """Keeps equity and round trips."""

    equity: list[Float64Array] = field(factory=list)
    trips: list[RoundTrip] = field(factory=list)
    seen: list[Readings] = field(factory=list)

    def bars(
        self, _chunk: JointColumns, equity: Float64Array, _segments: Sequence[Holding]
    ) -> None:
        self.equity.append(equity.copy())

    def round_trip(self, trade: RoundTrip) -> None:
        self.trips.append(trade)

    def readings(self, readings: Readings) -> None:
        self.seen.append(readings)


def run_events(
    cell: PairsConfig,
    joint: JointColumns,
    market: GridMarket,
    *,
    capital: Money,
    engine: EngineChoice = EngineChoice.EVENT,
) -> EventRun:
    """
    Run *cell* over *joint* bars in the event engine.

    Args:
        cell: The configuration; its share of equity is that of *market*.
        joint: The bars of both legs.
        market: Costs and fill.
        capital: Cash at the start, in quote currency.
        engine: Another engine, where it can run this; the figures are the same.

    Raises:
        NotEnoughData: There are fewer bars than the strategy needs to decide once.
        RefusedError: A fitted hedge ratio is not positive.
    """
    legs = [Instrument.undescribed(leg.instrument_id) for leg in joint.legs[:_LEGS]]
    config = attrs.evolve(cell, position_size=market.position_size)
    rows = _Rows()
    request = SpreadBacktestRequest(
        name="pairs",
        make_strategy=lambda: Pairs.make(config, legs),
        instruments=tuple(legs),
        source=join_bars([ColumnsSource(leg) for leg in joint.legs[:_LEGS]]),
        config=BacktestConfig(
            initial_capital=capital,
            fees=FeeModel(maker=market.fee, taker=market.fee),
            slippage=market.slippage,
            fill=market.fill,
            engine=engine,
        ),
        parameters=_plain(config),
    )
    result = run_spread_backtest(request, [rows])
    first = legs[0].id
    return EventRun(
        result,
        np.concatenate(rows.equity),
        tuple(trip for trip in rows.trips if trip.instrument_id == first),
        np.concatenate([each.z for each in rows.seen]),
        np.concatenate([each.hedge_ratio for each in rows.seen]),
    )


def _plain(config: PairsConfig) -> dict[str, Plain]:
    def value(found: object) -> Plain:
        if found is None or isinstance(found, int | Decimal):
            return found
        return str(getattr(found, "value", found))

    return {each.name: value(getattr(config, each.name)) for each in attrs.fields(PairsConfig)}
