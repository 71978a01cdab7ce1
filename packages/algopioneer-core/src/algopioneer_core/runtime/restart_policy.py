"""When a crashed strategy is started again, and when it is given up."""

import enum
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.settings import at_least, option, positive
from algopioneer_core.wire.backoff import BackoffPolicy

__all__ = ["OnExhausted", "OnRemove", "RestartBudget", "RestartPolicy"]

_STEPS: Final = 1 << 53
"""Values that a random float in [0, 1) can take: waits are computed in integers from there."""


class OnExhausted(enum.Enum):
    """What happens when a strategy has crashed too often."""

    HALT = "halt"
    """It stays out; its exits and legs go on managing its position, and nothing new is opened."""
    HALT_ALL = "halt-all"
    """The same for every strategy of the session."""
    FLATTEN = "flatten"
    """Its position is closed, and it stays out."""


class OnRemove(enum.Enum):
    """What happens to the position of a strategy that is removed from the configuration."""

    DRAIN = "drain"
    """It stays until its exits or legs have closed the position, and opens nothing new."""
    FLATTEN = "flatten"
    """The position is closed."""
    REFUSE = "refuse"
    """The removal is refused while there is a position."""


@frozen(kw_only=True)
class RestartPolicy:
    """
    How a strategy that crashed is started again.

    Raises:
        ConfigError: A value is out of its range, or the first pause is above the longest.
    """

    budget: int = option(
        5, help="Restarts before `on_exhausted` decides; 0 for none.", validator=at_least(0)
    )
    backoff_s: Decimal = option(
        Decimal(1), help="Longest first pause; it doubles.", unit="s", validator=positive
    )
    backoff_max_s: Decimal = option(
        Decimal(60), help="Longest pause.", unit="s", validator=positive
    )
    refill_s: Decimal = option(
        Decimal(600),
        help="Quiet time after which the budget is whole again.",
        unit="s",
        validator=positive,
    )
    deadline_s: Decimal = option(
        Decimal(1),
        help="Longest one call of the strategy may take before it is interrupted.",
        unit="s",
        validator=positive,
    )

    def __attrs_post_init__(self) -> None:
        if self.backoff_s > self.backoff_max_s:
            raise ConfigError(
                f"backoff_s ({self.backoff_s}) is above backoff_max_s ({self.backoff_max_s})",
                where="backoff_s",
            )


class RestartBudget:
    """
    Counts crashes and says how long to wait: exponential back-off with full jitter.

    Args:
        rules: How many, and how long.
        jitter: Returns a number in [0, 1) for the attempt it is given: the share of the longest
            wait that is waited. Injected, and a function of the attempt alone, so that a run that
            is repeated waits as long.
    """

    def __init__(self, rules: RestartPolicy, jitter: Callable[[int], float]) -> None:
        self._rules = rules
        self._jitter = jitter
        self._waits = BackoffPolicy(
            base_ns=int(rules.backoff_s * NS_PER_SECOND),
            cap_ns=int(rules.backoff_max_s * NS_PER_SECOND),
        )
        self.attempts = 0
        """Restarts since the last quiet time."""
        self._crashed_ns = 0

    def crashed(self, now_ns: int) -> int | None:
        """
        Count a crash at *now_ns*; return when to start again, or None to give up.

        The wait is exponential with full jitter (see `wire.backoff`), so that strategies that
        crashed together do not come back together.
        """
        quiet_ns = int(self._rules.refill_s * NS_PER_SECOND)
        if self.attempts and now_ns - self._crashed_ns >= quiet_ns:
            self.attempts = 0
        self._crashed_ns = now_ns
        if self.attempts >= self._rules.budget:
            return None
        longest_ns = self._waits.ceiling_ns(self.attempts)
        self.attempts += 1
        return now_ns + longest_ns * int(self._jitter(self.attempts) * _STEPS) // _STEPS

    def forgive(self) -> None:
        """Make all restarts available again."""
        self.attempts = 0

    def snapshot(self) -> dict[str, object]:
        """Return what was counted, as JSON values."""
        return {"attempts": self.attempts, "crashed_ns": self._crashed_ns}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        self.attempts, self._crashed_ns = state["attempts"], state["crashed_ns"]
