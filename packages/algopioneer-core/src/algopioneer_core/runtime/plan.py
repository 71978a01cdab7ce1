"""What the runtime is given: strategies, with everything they need already made or makeable."""

from collections.abc import Callable, Mapping, Sequence

from attrs import field, frozen

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import Money, Quantity
from algopioneer_core.engine.exits import ExitCosts, ExitPolicy
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.margin import MarginRules
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Strategy
from algopioneer_core.runtime.bar_intake import BarOrigin
from algopioneer_core.runtime.execution_rules import ExecutionRules
from algopioneer_core.runtime.reconciliation import DriftRules
from algopioneer_core.runtime.restart_policy import OnExhausted, OnRemove, RestartPolicy
from algopioneer_core.runtime.resume import Resume

__all__ = ["SessionPlan", "StrategyPlan"]


@frozen(kw_only=True)
class StrategyPlan:
    """One strategy of a session."""

    name: str
    """Unique in the session; part of every order id."""
    make: Callable[[], Strategy]
    """Makes a fresh object; called again after every crash."""
    instruments: tuple[Instrument, ...]
    """In the configured order; two of them are the legs of a spread."""
    interval_ns: int
    """Length of the bars it decides on."""
    origins: Mapping[InstrumentId, BarOrigin] = field(factory=dict)
    """What these bars come from, where the venue does not push them as they are."""
    capital: Money
    """What it may trade with, in the settlement asset of its instruments."""
    exits: Sequence[ExitPolicy] = ()
    exit_costs: ExitCosts | None = None
    """What the way out is expected to cost."""
    exit_on_quotes: bool = False
    """Whether exit policies look at quotes too, or at bars only."""
    legs: LegRules | None = None
    """How its spreads are worked; for two instruments."""
    inventory: Mapping[InstrumentId, Quantity] = field(factory=dict)
    """Holdings set aside for legs that are sold out of inventory."""
    restarts: RestartPolicy = field(factory=RestartPolicy)
    on_exhausted: OnExhausted = OnExhausted.HALT
    on_remove: OnRemove = OnRemove.REFUSE
    history: int | None = None
    """Bars to load before the start; None for what the strategy needs to warm up."""
    fingerprint: str = ""
    """Changes when anything of its configuration does."""

    @property
    def instrument_ids(self) -> tuple[InstrumentId, ...]:
        """The ids of its instruments, in order."""
        return tuple(each.id for each in self.instruments)

    @property
    def bar_origins(self) -> dict[InstrumentId, BarOrigin]:
        """What the bars of each instrument come from, in the configured order."""
        return {each: self.origins.get(each, BarOrigin.PUSHED) for each in self.instrument_ids}

    @property
    def is_spread(self) -> bool:
        """Whether it trades two legs as one position."""
        return len(self.instruments) == 2


@frozen(kw_only=True)
class SessionPlan:
    """A session, with everything found and checked; nothing has been started yet."""

    name: str
    strategies: tuple[StrategyPlan, ...]
    numeraire: str
    """The asset in which limits are counted."""
    limits: RiskLimits = field(factory=RiskLimits)
    """Of all strategies together."""
    strategy_limits: Mapping[str, RiskLimits] = field(factory=dict)
    resume: Resume = Resume.WALLCLOCK
    record_inputs: bool = False
    snapshot_every: int = 1000
    """Market events (cursor) between two snapshots."""
    grace_ns: int | None = None
    """How long a joint bar waits for a leg's bar, nanoseconds."""
    stop_deadline_ns: int = 30 * NS_PER_SECOND
    """How long a stop drives legs to flat or in position."""
    fatal_after_ns: int = 30 * NS_PER_SECOND
    """How long a strategy may block the process before it is ended."""
    run_for_ns: int | None = None
    """How long to run; None for until told to stop, or the end of the feed."""
    max_tick_age_ns: int | None = None
    execution: ExecutionRules = field(factory=ExecutionRules)
    drift: DriftRules = field(factory=DriftRules)
    margin: MarginRules = field(factory=MarginRules)

    def risk_gate(self) -> RiskGate:
        """Return a gate with the limits of the session and of each strategy, and no memory."""
        return RiskGate(self.limits, numeraire=self.numeraire, strategy_limits=self.strategy_limits)

    @property
    def fingerprints(self) -> dict[str, str]:
        """What tells whether a strategy's configuration has changed, by name."""
        return {each.name: each.fingerprint for each in self.strategies}
