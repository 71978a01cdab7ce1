"""From what a user asked for to a backtest that can be run."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from attrs import frozen

from algopioneer_core.bootstrap.carry import find_carry
from algopioneer_core.bootstrap.components import component_config
from algopioneer_core.bootstrap.exits import make_exits
from algopioneer_core.bootstrap.host import Surroundings
from algopioneer_core.bootstrap.legs import backtest_rules, refuse_leg_rules
from algopioneer_core.bootstrap.market import Market, find_market
from algopioneer_core.config.backtest import BacktestOptions
from algopioneer_core.config.runs import Part, Settings
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.engine.leg_chain import check_chain
from algopioneer_core.history.chained import chain_bars
from algopioneer_core.history.joined import join_bars
from algopioneer_core.plugins.specs import StrategySpec
from algopioneer_core.settings import settings_of
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.result import BacktestResult, Plain
from algopioneer_core.simulation.sinks import ResultSink
from algopioneer_core.simulation.spread_backtest import SpreadBacktestRequest, run_spread_backtest

__all__ = ["BacktestPlan", "plan_backtest"]

_NO_LEGS = Settings("legs")


@frozen
class BacktestPlan:
    """A backtest with all its parts found and checked; nothing has been traded yet."""

    request: BacktestRequest | SpreadBacktestRequest
    options: BacktestOptions

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """What is traded."""
        if isinstance(self.request, BacktestRequest):
            return (self.request.instrument,)
        return self.request.instruments

    def run(self, sinks: Sequence[ResultSink] = ()) -> BacktestResult:
        """
        Trade; rows go to *sinks* meanwhile.

        Raises:
            AlgopioneerError: The run is refused or fails.
        """
        if isinstance(self.request, BacktestRequest):
            return run_backtest(self.request, sinks)
        return run_spread_backtest(self.request, sinks)


def plan_backtest(
    around: Surroundings,
    spec: StrategySpec,
    *,
    options: Settings,
    strategy: Settings,
    legs: Settings = _NO_LEGS,
    exits: Iterable[Part] = (),
) -> BacktestPlan:
    """
    Check what was asked for and find its parts.

    Args:
        around: The loaded plugins, settings of venues, and the environment.
        spec: The strategy to trade.
        options: Values for `BacktestOptions`.
        strategy: Values for the strategy's own configuration class.
        legs: Values for `LegRules`, where the strategy trades two instruments.
        exits: Exit policies, in the order they are asked in.

    Raises:
        AlgopioneerError: Something is wrong or missing; says what, where and what to do.
    """
    config_class = spec.load_config()
    checked = options.make(BacktestOptions, elsewhere=_keys(config_class, "[strategy]"))
    parameters = component_config(
        spec, strategy, around.environment, elsewhere=_keys(BacktestOptions, "[backtest]")
    )
    policies = make_exits(exits, around.host.exit_policies)
    market = find_market(checked, options, spec, around)
    carry = find_carry(checked, market.instruments)
    common = {
        "name": spec.name,
        "make_strategy": functools.partial(spec.load_factory(), parameters, market.instruments),
        "config": checked.simulation(),
        "exits": policies,
        "parameters": _described(parameters),
        "notes": (*market.notes, *carry.notes),
        "carry": carry.payments,
    }
    return BacktestPlan(_request(market, legs, common), checked)


def _request(
    market: Market, legs: Settings, common: dict[str, Any]
) -> BacktestRequest | SpreadBacktestRequest:
    if len(market.instruments) == 1:
        refuse_leg_rules(legs)
        instrument, source = market.instruments[0], market.sources[0]
        return BacktestRequest(
            instrument=instrument, source=source, data=market.description, **common
        )
    check_chain(market.instruments[1:])
    rules = backtest_rules(legs, market.instruments)
    joined = join_bars(market.sources) if len(market.sources) == 2 else chain_bars(market.sources)
    unmatched = {each.instrument_id.symbol: each.count for each in joined.unmatched}
    return SpreadBacktestRequest(
        instruments=market.instruments,
        source=joined,
        rules=rules,
        data={**market.description, "bars_without_a_partner": unmatched},
        **common,
    )


def _keys(config: type[Any] | None, table: str) -> dict[str, str]:
    return {} if config is None else {setting.key: table for setting in settings_of(config)}


def _described(parameters: Any) -> dict[str, Plain]:
    """Return the configuration as results show it, without secrets."""
    if parameters is None:
        return {}
    shown = (setting for setting in settings_of(type(parameters)) if not setting.secret)
    return {each.key: _plain(getattr(parameters, each.field)) for each in shown}


def _plain(value: Any) -> Plain:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_plain(item) for item in value)
    if attrs.has(type(value)):
        return _described(value)
    plain: Plain = getattr(value, "value", value)
    return plain
