"""
The strategies of a simulation, and the configuration that people change while it runs.

Three are plugins: moving average, pairs and basis; the fourth is `Quoter`. Of each there are two
configurations, and any of them may be missing from the session's for a while.
"""

import enum
import functools
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar

from attrs import evolve

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ONE
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.engine.exit_policies import StopLoss, StopLossConfig
from algopioneer_core.engine.exits import ExitCosts
from algopioneer_core.engine.leg_rules import LegOrders, LegRules
from algopioneer_core.engine.strategy import Strategy
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.runtime.bar_intake import BarOrigin
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.runtime.reconciliation import DriftRules
from algopioneer_core.runtime.restart_policy import OnExhausted, OnRemove, RestartPolicy
from algopioneer_core.testing.simulation_market import INTERVAL_NS, Traded
from algopioneer_core.testing.simulation_moods import Moods, Moody
from algopioneer_core.testing.simulation_quoter import Quoter
from algopioneer_core.testing.simulation_venue import SimulatedVenue

__all__ = ["LEG_NOTIONAL", "STRATEGIES", "Configuration", "strategies_of"]

_E = TypeVar("_E", bound=enum.Enum)
LEG_NOTIONAL: Final = Decimal(1_000)
"""What each leg of a spread is worth when it is entered, USD."""
_QUOTER: Final = "quoter"
_Settings: TypeAlias = Mapping[str, tuple[Mapping[str, Any], ...]]
_BUSY: Final[_Settings] = {
    "moving-average": (
        {"short_window": 2, "long_window": 4, "quantity": Decimal(8), "allow_short": True},
        {"short_window": 3, "long_window": 5, "quantity": Decimal(6), "allow_short": False},
    ),
    "pairs": (
        {"window": 8, "z_entry": Decimal(1), "z_exit": Decimal("0.2")},
        {"window": 6, "z_entry": Decimal("1.2"), "z_exit": Decimal(0)},
    ),
    "basis": (
        {"entry_bps": Decimal(6), "exit_bps": Decimal(2), "allow_reverse": True},
        {"entry_bps": Decimal(8), "exit_bps": Decimal(1), "allow_reverse": True},
    ),
    _QUOTER: (
        {"quantity": Decimal(4), "cents": 3},
        {"quantity": Decimal(3), "cents": 5},
    ),
    "breakout": (
        {"entry_window": 3, "exit_window": 2, "position_size": Decimal("0.1")},
        {"entry_window": 4, "exit_window": 1, "position_size": Decimal("0.05")},
    ),
}
"""Configurations that trade every few minutes."""
_CALM: Final[_Settings] = {
    "moving-average": (
        {"short_window": 9, "long_window": 30, "quantity": Decimal(8), "allow_short": True},
        {"short_window": 12, "long_window": 40, "quantity": Decimal(6), "allow_short": False},
    ),
    "pairs": (
        {"window": 40, "z_entry": Decimal("2.2"), "z_exit": Decimal("0.2")},
        {"window": 30, "z_entry": Decimal(2), "z_exit": Decimal(0)},
    ),
    "basis": (
        {"entry_bps": Decimal(24), "exit_bps": Decimal(2), "allow_reverse": True},
        {"entry_bps": Decimal(27), "exit_bps": Decimal(1), "allow_reverse": True},
    ),
    _QUOTER: (
        {"quantity": Decimal(4), "cents": 3, "every": 12},
        {"quantity": Decimal(3), "cents": 5, "every": 9},
    ),
    "breakout": (
        {"entry_window": 30, "exit_window": 15, "position_size": Decimal("0.1")},
        {"entry_window": 40, "exit_window": 10, "position_size": Decimal("0.05")},
    ),
}
"""Configurations that trade a few times an hour."""
_OFTEN_BUSY: Final = 0.04
_AS_THEY_ARE: Final[tuple[Mapping[str, Any], ...]] = ({}, {})
"""Settings of strangers that are not known here: those that they come with."""
STRATEGIES: Final = ("moving-average", "pairs", "basis", _QUOTER)
"""Names of those that always trade; those of plugins are the plugins'."""
_OWN: Final = "algopioneer-"
_HOLDINGS: Final = Decimal(100)
"""What is set aside of each instrument that cannot be sold short; more than any leg needs."""


def strategies_of(host: PluginHost) -> tuple[str, ...]:
    """
    Return the names of all strategies that trade: ours, then those of strangers that are installed.

    Strangers are strategies of one instrument from distributions that are none of this project's.
    """
    strangers = (
        each.spec.name
        for each in host.strategies
        if not each.origin.startswith(_OWN) and each.spec.instruments == (1, 1)
    )
    return (*STRATEGIES, *(name for name in strangers if name not in STRATEGIES))


def _instruments(name: str, traded: Traded) -> tuple[Instrument, ...]:
    single = traded.twin if name == _QUOTER else traded.coin
    return traded.spreads.get(name, (single,))


class Configuration:
    """
    What the session's file says of its strategies, now.

    Args:
        host: Where the plugins are found.
        venue: Where they trade.
        moods: Of the strategies.
        numbers: Returns the numbers in [0, 1) that choose the policies of a strategy, by its name.
        is_calm: Whether most of them trade a few times an hour, instead of every few minutes.
    """

    def __init__(
        self,
        host: PluginHost,
        venue: SimulatedVenue,
        moods: Moods,
        numbers: Callable[[str], Callable[[], float]],
        *,
        is_calm: bool = False,
    ) -> None:
        self._host = host
        self._traded = venue.traded
        self._origin = BarOrigin.PUSHED if venue.pushes_bars else BarOrigin.TRADES
        self._moods = moods
        self._numbers = numbers
        self.names = strategies_of(host)
        """Of all strategies, whether they are in or not."""
        self._variants = dict.fromkeys(self.names, 0)
        draw = numbers("pace")
        self._settings = {
            name: (_CALM if is_calm and draw() >= _OFTEN_BUSY else _BUSY).get(name, _AS_THEY_ARE)
            for name in self.names
        }
        self.drift = DriftRules(every_s=Decimal(120 if is_calm else 60))
        """How often venue and books are compared."""
        self._often_from_quotes = 0.15 if is_calm else 0.25

    def change(self, strategy: str, draw: Callable[[], float]) -> None:
        """Take *strategy* out, or put it in; or, one time in two, configure it otherwise."""
        variant = self._variants.pop(strategy, None)
        if variant is None:
            self._variants[strategy] = int(draw() * 2)
        elif draw() < 1 / 2:
            self._variants[strategy] = 1 - variant

    def restore(self) -> bool:
        """Put in again whatever was taken out; return whether anything was."""
        missing = [each for each in self.names if each not in self._variants]
        self._variants.update(dict.fromkeys(missing, 0))
        return bool(missing)

    def plans(self) -> tuple[StrategyPlan, ...]:
        """
        Return what is to run.

        Raises:
            PluginError: The strategies are not installed.
        """
        return tuple(
            self._plan(name, self._variants[name]) for name in self.names if name in self._variants
        )

    @property
    def built_from_quotes(self) -> dict[InstrumentId, None]:
        """The instruments whose bars a strategy makes of quotes."""
        return {
            key: None
            for plan in self.plans()
            for key, origin in plan.origins.items()
            if origin is BarOrigin.QUOTES
        }

    def _plan(self, name: str, variant: int) -> StrategyPlan:
        draw, instruments = self._numbers(name), _instruments(name, self._traded)
        plan = StrategyPlan(
            name=name,
            make=functools.partial(self._make, name, variant),
            instruments=instruments,
            interval_ns=INTERVAL_NS,
            origins={each.id: self._origin for each in instruments},
            capital=Decimal(10_000),
            exit_costs=ExitCosts(fee=Decimal("0.0001"), slippage=Decimal(0)),
            legs=_leg_rules(instruments, _one_of(LegOrders, draw)),
            inventory={each.id: _HOLDINGS for each in instruments if not each.shortable},
            restarts=RestartPolicy(budget=3 + int(draw() * 4)),
            on_exhausted=_one_of(OnExhausted, draw),
            on_remove=_one_of(OnRemove, draw),
            fingerprint=f"{name} {variant}",
        )
        if name == _QUOTER:
            stop = StopLoss(StopLossConfig(loss_fraction=Decimal("0.002")))
            plan = evolve(plan, exits=(stop,), exit_on_quotes=True)
        return _from_quotes(plan) if draw() < self._often_from_quotes else plan

    def _make(self, name: str, variant: int) -> Strategy:
        settings = dict(self._settings[name][variant])
        instruments = _instruments(name, self._traded)
        if name == _QUOTER:
            return Moody(Quoter(instruments[0], **settings), name, self._moods)
        if len(instruments) > 1:
            settings["notional"] = 2 * LEG_NOTIONAL
        if name == "basis" and instruments[0].taker_fee is None:
            settings |= dict.fromkeys(("spot_fee_bps", "future_fee_bps"), ONE)
        if "allow_short" in settings:
            settings["allow_short"] &= instruments[0].shortable
        spec = self._host.strategies.get(name)
        config_class = spec.load_config()
        assert config_class is not None
        inner: Strategy = spec.load_factory()(config_class(**settings), instruments)
        return Moody(inner, name, self._moods)


def _one_of(choices: type[_E], draw: Callable[[], float]) -> _E:
    members = tuple(choices)
    return members[int(draw() * len(members))]


def _leg_rules(instruments: Sequence[Instrument], orders: LegOrders) -> LegRules:
    modes = [ShortMode.MARGIN if each.shortable else ShortMode.INVENTORY for each in instruments]
    return LegRules(
        max_residual_fraction=Decimal("0.05"),
        orders=orders,
        short_mode=modes[0],
        second_short_mode=modes[-1],
    )


def _from_quotes(plan: StrategyPlan) -> StrategyPlan:
    return evolve(plan, origins=dict.fromkeys(plan.instrument_ids, BarOrigin.QUOTES))
