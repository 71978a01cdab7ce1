"""Behaviour of finding and checking the parts of a backtest."""

import enum
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen

from algopioneer_core.bootstrap.backtest import BacktestPlan, plan_backtest
from algopioneer_core.bootstrap.exits import make_exits
from algopioneer_core.bootstrap.host import Surroundings, load_host
from algopioneer_core.config.runs import Part, Settings
from algopioneer_core.domain.errors import ConfigError, PluginError, RefusedError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.engine.exits import ExitVerdict, OpenPosition
from algopioneer_core.plugins.catalogue import Catalogue, Provided
from algopioneer_core.plugins.discovery import ALLOW_VARIABLE
from algopioneer_core.plugins.specs import ExitPolicySpec, StrategySpec
from algopioneer_core.settings import option, secret
from algopioneer_core.simulation.spread_backtest import PATIENT_RULES, SpreadBacktestRequest

NO_LEGS = Settings("legs")
NO_SECRETS: Mapping[str, str] = {}


class Mode(enum.Enum):
    FAST = "fast"


@frozen(kw_only=True)
class Leg:
    ratio: Decimal = option(Decimal("0.5"), help="Ratio.")


@frozen(kw_only=True)
class SampleConfig:
    mode: Mode = option(Mode.FAST, help="How.")
    legs: tuple[Leg, ...] = option((Leg(),), help="What.")
    word: str | None = option(None, help="Word.")
    token: str = secret(environment="TOKEN", help="Key.")


class Sample:
    """A strategy that remembers what it was made from; it is never run here."""

    def __init__(self, config: SampleConfig | None, instruments: Sequence[Instrument]) -> None:
        self.config, self.instruments = config, instruments


class Always:
    """An exit policy without settings."""

    name = "always"

    def __init__(self, config: None) -> None:
        assert config is None

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        return ExitVerdict.EXIT


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve references to this module, and load core's own plugin only."""
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    monkeypatch.setitem(sys.modules, "sample_here", sys.modules[__name__])


def _plan(
    config: str | None = "sample_here:SampleConfig",
    *,
    instruments: tuple[int, int] = (1, 1),
    exits: tuple[Part, ...] = (),
    legs: Settings = NO_LEGS,
    environment: Mapping[str, str] = NO_SECRETS,
    **parameters: Any,
) -> BacktestPlan:
    spec = StrategySpec(
        name="sample",
        summary="s",
        factory="sample_here:Sample",
        config=config,
        instruments=instruments,
    )
    return plan_backtest(
        Surroundings(load_host(), environment=environment),
        spec,
        options=Settings("backtest", {"synthetic": True, "duration": "60"}),
        strategy=Settings("strategy", parameters),
        legs=legs,
        exits=exits,
    )


def test_parameters_are_described_plainly_and_without_secrets() -> None:
    """What goes into the results can be written as JSON and shown to anybody."""
    plan = _plan(environment={"TOKEN": "hush"})

    expected = {"mode": "fast", "legs": ({"ratio": Decimal("0.5")},), "word": None}
    assert expected == plan.request.parameters
    strategy = plan.request.make_strategy()
    assert isinstance(strategy, Sample)
    assert strategy.config is not None
    assert "hush" == strategy.config.token


def test_strategy_is_made_anew_each_time_from_configuration_and_instruments() -> None:
    """A crash must not leave anything of the old object."""
    plan = _plan(word="x")

    one, other = plan.request.make_strategy(), plan.request.make_strategy()

    assert isinstance(one, Sample)
    assert one is not other
    assert one.config is not None
    assert ("x", plan.instruments) == (one.config.word, one.instruments)


def test_strategy_without_configuration_gets_none() -> None:
    """Nothing to configure is nothing to describe."""
    plan = _plan(None)

    strategy = plan.request.make_strategy()

    assert isinstance(strategy, Sample)
    assert strategy.config is None
    assert {} == plan.request.parameters


def test_synthetic_symbols_are_made_up_as_many_as_needed() -> None:
    """A strategy of two legs gets two, joined; three have to be a chain of futures."""
    plan = _plan(instruments=(2, 2))

    assert isinstance(plan.request, SpreadBacktestRequest)
    assert ("sim:SYN1-USD", "sim:SYN2-USD") == plan.request.source.instrument_ids
    assert plan.instruments == plan.request.instruments
    assert PATIENT_RULES == plan.request.rules
    with pytest.raises(ConfigError, match="only a future is rolled into another one"):
        _plan(instruments=(3, 3))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"short_mode": "none"}, "--short-mode: sim:SYN1-USD would be sold short"),
        ({"second_short_mode": "none"}, "--second-short-mode: sim:SYN2-USD would be sold short"),
        ({"short_mode": "inventory"}, "no inventory to sell from; choose short_mode margin"),
        ({"short_mode": "derivative"}, "is no future or perpetual"),
    ],
)
def test_a_leg_that_cannot_be_sold_short_is_refused(rules: dict[str, str], message: str) -> None:
    """Before anything is traded, naming the choices."""
    with pytest.raises(RefusedError, match=message):
        _plan(instruments=(2, 2), legs=Settings("legs", flags=rules))


def test_a_pause_between_the_legs_needs_no_deadline() -> None:
    """Deadlines are off in a backtest, unless one of them is set."""
    plan = _plan(instruments=(2, 2), legs=Settings("legs", flags={"pause_s": "86400"}))
    assert isinstance(plan.request, SpreadBacktestRequest)
    assert plan.request.rules is not None
    assert PATIENT_RULES.patience_s == plan.request.rules.patience_s
    short = Settings("legs", flags={"pause_s": "86400", "patience_s": "5"})
    with pytest.raises(ConfigError, match="must be below max_residual_s"):
        _plan(instruments=(2, 2), legs=short)


def test_rules_for_legs_need_legs() -> None:
    """A setting that does nothing is a mistake."""
    with pytest.raises(ConfigError, match=r"legs.short_mode: a strategy of one instrument"):
        _plan(legs=Settings("legs", {"short_mode": "margin"}))


def test_exit_policies_are_made_in_their_order() -> None:
    """The first one that speaks gives the reason."""
    exits = (
        Part("time-stop", Settings("--exit", {"bars": "3"})),
        Part("stop_loss", Settings("--exit", {"loss": "2"})),
    )

    assert ["time-stop", "stop-loss"] == [p.name for p in _plan(exits=exits).request.exits]


def test_exit_policy_of_a_plugin_may_have_no_configuration() -> None:
    """Its factory gets None."""
    spec = ExitPolicySpec(name="always", summary="s", factory="sample_here:Always")
    catalogue = Catalogue("exit policy", [Provided(spec, "x", "x 1.0")], {})

    (policy,) = make_exits([Part("always", Settings("--exit"))], catalogue)

    assert "always" == policy.name
    with pytest.raises(ConfigError, match="exit policy 'always' has nothing to configure"):
        make_exits([Part("always", Settings("--exit always", {"loss": "1"}))], catalogue)


def test_factory_that_is_not_there_is_named() -> None:
    """Before any bar is read."""
    spec = StrategySpec(name="gone", summary="s", factory="sample_here:Gone")

    with pytest.raises(PluginError, match="strategy 'gone': cannot load 'sample_here:Gone'"):
        plan_backtest(
            Surroundings(load_host()),
            spec,
            options=Settings("backtest", {"synthetic": True}),
            strategy=Settings("strategy"),
        )
