"""The strategies of a simulation, each inside one that fails when its fault is due."""

import enum
import functools
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from attrs import define, evolve, field

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ONE
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.exits import ExitCosts
from algopioneer_core.engine.leg_rules import LegOrders, LegRules
from algopioneer_core.engine.strategy import Requirements, Strategy, StrategyContext
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.runtime.bar_intake import BarOrigin
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.runtime.restart_policy import OnExhausted, RestartPolicy
from algopioneer_core.testing.simulation_market import COIN, INTERVAL_NS, PERPETUAL, TWIN

__all__ = ["LEG_NOTIONAL", "SPREADS", "STRATEGIES", "Moods", "strategy_plans"]

_E = TypeVar("_E", bound=enum.Enum)
LEG_NOTIONAL: Final = Decimal(1_000)
"""What each leg of a spread is worth when it is entered, USD."""
_SETTINGS: Final[Mapping[str, tuple[tuple[Instrument, ...], Mapping[str, Any]]]] = {
    "moving-average": (
        (COIN,),
        {"short_window": 2, "long_window": 4, "quantity": Decimal(8), "allow_short": True},
    ),
    "pairs": (
        (COIN, TWIN),
        {
            "window": 8,
            "z_entry": Decimal(1),
            "z_exit": Decimal("0.2"),
            "notional": 2 * LEG_NOTIONAL,
        },
    ),
    "basis": (
        (COIN, PERPETUAL),
        {
            "entry_bps": Decimal(6),
            "exit_bps": Decimal(2),
            "allow_reverse": True,
            "notional": 2 * LEG_NOTIONAL,
        },
    ),
}
STRATEGIES: Final = tuple(_SETTINGS)
"""Their names, which are those of their plugins."""
SPREADS: Final = {"pairs": (COIN, TWIN), "basis": (COIN, PERPETUAL)}
"""The legs of those that trade two."""
_STRANGER: Final = InstrumentId("elsewhere", "THING-USD")


@define
class Moods:
    """
    How each strategy will fail next.

    Args:
        draw: Numbers in [0, 1): chooses how.
    """

    _draw: Callable[[], float]
    _due: dict[str, int] = field(factory=dict)
    failed: int = 0
    """How often one did."""

    def spoil(self, strategy: str) -> None:
        """Let *strategy* fail when it is asked next."""
        self._due[strategy] = int(self._draw() * 4)

    def take(self, strategy: str, *, at_snapshot: bool = False) -> int | None:
        """Return how it fails now, if it does."""
        how = self._due.get(strategy)
        if how is None or at_snapshot is not (how == _AT_SNAPSHOT):
            return None
        self.failed += 1
        return self._due.pop(strategy)


_RAISES, _NONSENSE, _STRANGE, _AT_SNAPSHOT = range(4)


@define
class _Moody:
    """A strategy that works until its mood is spoilt."""

    _inner: Strategy
    _name: str
    _moods: Moods

    def requirements(self) -> Requirements:
        return self._inner.requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        wishes = self._inner.on_event(event, context)
        how = self._moods.take(self._name)
        if how == _RAISES:
            raise RuntimeError("spoilt")
        if how == _NONSENSE:
            return (*wishes, "buy low, sell high")  # type: ignore[arg-type]  # that is the point
        if how == _STRANGE:
            return (OrderIntent(instrument_id=_STRANGER, side=Side.BUY, quantity=ONE),)
        return wishes

    def snapshot(self) -> Mapping[str, object]:
        if self._moods.take(self._name, at_snapshot=True) is not None:
            raise RuntimeError("lost its mind")
        return self._inner.snapshot()

    def restore(self, state: Mapping[str, object]) -> None:
        self._inner.restore(state)


def _make(host: PluginHost, name: str, moods: Moods) -> Strategy:
    spec, (instruments, settings) = host.strategies.get(name), _SETTINGS[name]
    config_class = spec.load_config()
    assert config_class is not None
    inner: Strategy = spec.load_factory()(config_class(**settings), instruments)
    return _Moody(inner, name, moods)


def strategy_plans(
    host: PluginHost, moods: Moods, draw: Callable[[], float]
) -> tuple[StrategyPlan, ...]:
    """
    Return the plans of all three, with policies that *draw* chooses.

    Raises:
        PluginError: The strategies are not installed.
    """
    plans = []
    for name, (instruments, _) in _SETTINGS.items():
        plan = StrategyPlan(
            name=name,
            make=functools.partial(_make, host, name, moods),
            instruments=instruments,
            interval_ns=INTERVAL_NS,
            capital=Decimal(10_000),
            exit_costs=ExitCosts(fee=Decimal("0.0001"), slippage=Decimal(0)),
            legs=LegRules(max_residual_fraction=Decimal("0.05"), orders=_one_of(LegOrders, draw)),
            restarts=RestartPolicy(budget=3 + int(draw() * 4)),
            on_exhausted=_one_of(OnExhausted, draw),
            fingerprint=name,
        )
        plans.append(_from_quotes(plan) if draw() < 1 / 4 else plan)
    return tuple(plans)


def _one_of(choices: type[_E], draw: Callable[[], float]) -> _E:
    members = tuple(choices)
    return members[int(draw() * len(members))]


def _from_quotes(plan: StrategyPlan) -> StrategyPlan:
    return evolve(plan, origins=dict.fromkeys(plan.instrument_ids, BarOrigin.QUOTES))
