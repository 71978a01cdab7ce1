"""What a leg manager keeps in mind of its spread; everything else is read from the books."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import define, field

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Money, Quantity, divide_half_even, mul, plain
from algopioneer_core.engine.leg_states import LegState

__all__ = ["SpreadWork"]

_PLACES = 18  # of a target after a split that does not come out even


@define
class SpreadWork:
    """The plan of the present spread (or of the last one) and how far its working has come."""

    inventory: dict[InstrumentId, Quantity]
    """Holdings set aside for legs that are sold out of inventory."""
    state: LegState = LegState.FLAT
    targets: dict[InstrumentId, Quantity] = field(factory=dict)
    """Signed full size of each leg; empty before the first spread."""
    leg_notional: Money = ZERO
    """Quote value of one whole leg at the decision prices."""
    contract: InstrumentId | None = None
    """In what the second leg is to be held; None for the strategy's second instrument."""
    wanted: bool = False
    """Whether the spread is to be held, once it is open."""
    arrived: bool = False
    """Whether it was ever held evenly."""
    reason: str = "signal"
    attempt: int = 0
    """How aggressive the next order is."""
    tried: Quantity = ZERO
    """How much of a leg the last order out was to trade; zero before the first of the attempts."""
    waiting: bool = False
    """Whether the second leg's first order has yet to be sent, after the pause."""
    down: dict[str, list[str]] = field(factory=dict)
    """Venues that cannot be traded at now, and what is wrong with each."""
    entered_ns: int = 0
    ended_ns: int | None = None
    """When the last spread ended; None when there was none."""
    blocked: str = ""
    """Why no new spread may be opened; empty when one may."""
    refusal: str = ""
    """Why the last wish was not followed; empty when it was."""

    def begin_attempts(self) -> None:
        """Let the next attempt be the first."""
        self.attempt, self.tried = 0, ZERO

    def roll(self, to: InstrumentId) -> None:
        """Hold the second leg in the contract *to* from now on, as much of it as of the last."""
        first, second = self.targets
        self.targets = {first: self.targets[first], to: self.targets[second]}
        self.contract = to

    def set_down(self, venue: str, cause: str) -> None:
        """Take note of one thing that is wrong with a venue."""
        causes = self.down.setdefault(venue, [])
        if cause not in causes:
            causes.append(cause)

    def set_up(self, venue: str, cause: str) -> None:
        """Take note that this is no longer wrong with the venue."""
        causes = [each for each in self.down.pop(venue, ()) if each != cause]
        if causes:
            self.down[venue] = causes

    def split(self, instrument_id: InstrumentId, numerator: int, denominator: int) -> None:
        """Restate the quantities of one leg after a split; half to even at 18 decimals."""
        for quantities in (self.targets, self.inventory):
            if instrument_id in quantities:
                more = mul(quantities[instrument_id], Decimal(numerator))
                quantities[instrument_id] = divide_half_even(
                    more, Decimal(denominator), places=_PLACES
                )

    def snapshot(self) -> dict[str, Any]:
        """Return everything as JSON values; quantities as text."""
        return {
            "inventory": _written(self.inventory),
            "state": self.state.value,
            "targets": _written(self.targets),
            "leg_notional": plain(self.leg_notional),
            "contract": None if self.contract is None else str(self.contract),
            "wanted": self.wanted,
            "arrived": self.arrived,
            "reason": self.reason,
            "attempt": self.attempt,
            "tried": plain(self.tried),
            "waiting": self.waiting,
            "down": {venue: list(causes) for venue, causes in self.down.items()},
            "entered_ns": self.entered_ns,
            "ended_ns": self.ended_ns,
            "blocked": self.blocked,
            "refusal": self.refusal,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], legs: Sequence[InstrumentId]) -> "SpreadWork":
        """Return what `snapshot` described; *legs* are the instruments it was taken with."""
        return cls(
            **{
                **state,
                "inventory": _read(state["inventory"], legs),
                "state": LegState(state["state"]),
                "targets": _read(state["targets"], legs),
                "contract": next((each for each in legs if each == state["contract"]), None),
                "leg_notional": Decimal(state["leg_notional"]),
                "tried": Decimal(state.get("tried", "0")),  # which older journals do not have
                "down": {venue: list(causes) for venue, causes in state["down"].items()},
            }
        )


def _written(quantities: Mapping[InstrumentId, Quantity]) -> dict[str, str]:
    return {str(each): plain(quantity) for each, quantity in quantities.items()}


def _read(written: Mapping[str, str], legs: Sequence[InstrumentId]) -> dict[InstrumentId, Quantity]:
    return {each: Decimal(written[each]) for each in legs if each in written}
