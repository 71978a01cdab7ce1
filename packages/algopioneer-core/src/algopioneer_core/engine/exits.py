"""
Exits: what a policy sees of an open position, what it may answer, and who keeps count.

A strategy says when it would like to leave. Exit policies say whether it may (`CONSENT`, `HOLD`),
and may leave on their own (`EXIT`): a stop fires whether or not the strategy signals anything. A
policy is a pure function of the `OpenPosition` it is shown; what has to be remembered since the
entry (time, bars, best gain) is remembered by the `ExitMonitor`, so that a policy has no state to
lose in a crash.

Several policies on one engine combine like this: any EXIT leaves; else any HOLD refuses the
strategy's exit; else the strategy's exit passes. `AnyOf` and `AllOf` in `exit_policies` combine
otherwise where that is wanted.
"""

import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from attrs import field, frozen

from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, divide_half_even
from algopioneer_core.domain.positions import average_price
from algopioneer_core.settings import not_negative

__all__ = [
    "FRACTION_PLACES",
    "ExitCosts",
    "ExitOutcome",
    "ExitPolicy",
    "ExitVerdict",
    "OpenPosition",
    "combined",
]

FRACTION_PLACES: Final = 12
"""Decimals to which a gain is shown as a fraction, half to even; no policy decides on it."""


class ExitVerdict(enum.Enum):
    """What a policy says about leaving a position."""

    EXIT = "exit"
    """Leave now, whatever the strategy says."""
    CONSENT = "consent"
    """A strategy's exit may pass."""
    HOLD = "hold"
    """A strategy's exit is refused."""
    ABSTAIN = "abstain"
    """No opinion."""


class OpenPosition(NamedTuple):
    """
    One open position at one moment, as an exit policy sees it.

    Amounts are in the instrument's settlement asset. A gain is positive. "Since entry" means since
    the position was last flat: what was gained on a part that is already closed counts.
    """

    instrument: Instrument
    quantity: Quantity
    """Signed: negative when short; never zero."""
    open_cost: Money
    """Value of the open quantity at the prices it was opened at, with the quantity's sign."""
    entry_ns: int
    """Time of the first entry fill, UTC nanoseconds."""
    mark: Price
    """The price the gain is measured at, before slippage."""
    cost: Money
    """Unsigned value of all entry fills since entry, without fees; fractions are of this."""
    gross_pnl: Money
    """Gain since entry at the mark, before fees and slippage."""
    net_pnl: Money
    """Gain since entry after the fees paid and after fee and slippage of the way out."""
    peak_net_pnl: Money
    """The best `net_pnl` of all marks since entry, this one included."""
    bars_held: int
    """Finished bars that closed after the entry."""
    now_ns: int
    """Time of the mark, UTC nanoseconds."""

    @property
    def average_entry(self) -> Price:
        """Average price of what is open (12 decimals, half to even)."""
        return average_price(self.instrument, self.quantity, self.open_cost)

    @property
    def held_ns(self) -> int:
        """Nanoseconds from the first entry fill to the mark."""
        return self.now_ns - self.entry_ns

    @property
    def net_pnl_fraction(self) -> Decimal | None:
        """
        `net_pnl` / `cost`, half to even at 12 decimals; None when there was no cost.

        For display: policies compare `net_pnl` with a multiple of `cost`, which is exact.
        """
        if not self.cost:
            return None
        return divide_half_even(self.net_pnl, self.cost, places=FRACTION_PLACES)


class ExitPolicy(Protocol):
    """Judges an open position. Made by the factory of its plugin's spec from its configuration."""

    @property
    def name(self) -> str:
        """What it is called; becomes the exit reason of the round trips it ends."""

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """
        Judge *position*.

        The answer must follow from *position* alone: no state, no clock, no I/O. It is asked at
        every mark while a position is open, so it should be cheap.
        """


class ExitOutcome(NamedTuple):
    """What all policies of an engine say together: EXIT, HOLD or CONSENT."""

    verdict: ExitVerdict
    reason: str
    """Name of the policy that decided; empty for CONSENT."""


_CONSENT: Final = ExitOutcome(ExitVerdict.CONSENT, "")


def combined(policies: Sequence[ExitPolicy], position: OpenPosition) -> ExitOutcome:
    """
    Return what *policies* say together: any EXIT, else any HOLD, else CONSENT.

    The reason is the first policy, in the given order, that said so. Without a policy, or when all
    abstain, the strategy is free to leave.
    """
    outcome = _CONSENT
    for policy in policies:
        verdict = policy.evaluate(position)
        if verdict is ExitVerdict.EXIT:
            return ExitOutcome(verdict, policy.name)
        if verdict is ExitVerdict.HOLD and outcome is _CONSENT:
            outcome = ExitOutcome(verdict, policy.name)
    return outcome


@frozen(kw_only=True)
class ExitCosts:
    """
    What leaving is expected to cost.

    Raises:
        ConfigError: A part is negative.
    """

    fee: Decimal = field(default=ZERO, validator=not_negative)
    """Fraction of the notional at the price after slippage."""
    per_unit: Money = field(default=ZERO, validator=not_negative)
    """Settlement asset for each unit or contract, on top."""
    slippage: Decimal = field(default=ZERO, validator=not_negative)
    """Fraction by which the way out is worse than the mark."""
