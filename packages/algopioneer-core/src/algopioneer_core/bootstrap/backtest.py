"""From what a user asked for to a backtest that can be run."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from attrs import frozen

from algopioneer_core.bootstrap.exits import make_exits
from algopioneer_core.bootstrap.market import Market, find_market
from algopioneer_core.config.backtest import BacktestOptions
from algopioneer_core.config.runs import Part, Settings
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.plugins.specs import StrategySpec
from algopioneer_core.settings import settings_of
from algopioneer_core.simulation.backtest import BacktestRequest
from algopioneer_core.simulation.result import Plain

__all__ = ["BacktestPlan", "plan_backtest"]


@frozen
class BacktestPlan:
    """A backtest with all its parts found and checked; nothing has been traded yet."""

    request: BacktestRequest
    options: BacktestOptions


def plan_backtest(
    host: PluginHost,
    spec: StrategySpec,
    *,
    options: Settings,
    strategy: Settings,
    exits: Iterable[Part] = (),
) -> BacktestPlan:
    """
    Check what was asked for and find its parts.

    Args:
        host: The loaded plugins.
        spec: The strategy to trade.
        options: Values for `BacktestOptions`.
        strategy: Values for the strategy's own configuration class.
        exits: Exit policies, in the order they are asked in.

    Raises:
        AlgopioneerError: Something is wrong or missing; says what, where and what to do.
    """
    config_class = spec.load_config()
    checked = options.make(BacktestOptions, elsewhere=_keys(config_class, "[strategy]"))
    parameters = (
        None
        if config_class is None
        else strategy.make(config_class, elsewhere=_keys(BacktestOptions, "[backtest]"))
    )
    policies = make_exits(exits, host.exit_policies)
    market = find_market(checked, options, spec, host)
    _require_one(market, spec)
    request = BacktestRequest(
        name=spec.name,
        make_strategy=functools.partial(spec.load_factory(), parameters, market.instruments),
        instrument=market.instruments[0],
        source=market.sources[0],
        config=checked.simulation(),
        exits=policies,
        parameters=_described(parameters),
        data=market.description,
        notes=market.notes,
    )
    return BacktestPlan(request, checked)


def _require_one(market: Market, spec: StrategySpec) -> None:
    if len(market.instruments) != 1:
        raise RefusedError(
            f"strategy {spec.name!r} trades {len(market.instruments)} instruments; "
            "a backtest trades one in this release",
            where="--symbols",
            remedy="backtest a strategy of one instrument",
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
