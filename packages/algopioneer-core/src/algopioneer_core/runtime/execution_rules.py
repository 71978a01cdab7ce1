"""How orders are sent, as users set it."""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.settings import at_least, option, positive

__all__ = ["ExecutionRules"]


@frozen(kw_only=True)
class ExecutionRules:
    """
    How orders are sent.

    Raises:
        ConfigError: A value is out of its range.
    """

    submit_timeout_s: Decimal = option(
        Decimal(10),
        help="How long the venue may take to answer before an order is of unknown fate.",
        unit="s",
        validator=positive,
        section="Execution",
    )
    max_in_flight: int = option(
        8,
        help="Most orders that are being sent to one venue at a time.",
        validator=at_least(1),
        section="Execution",
    )
    max_resends: int = option(
        5,
        help="How often an order that was certainly not placed is sent again.",
        validator=at_least(0),
        section="Execution",
    )
    crossing_wait_s: Decimal = option(
        Decimal(5),
        help="How long an order waits for an opposite one of ours that it would trade with, "
        "and again for the end of one that is taken back for it; a way out, half as long.",
        unit="s",
        validator=positive,
        section="Execution",
    )
    alert_unknown_after_s: Decimal = option(
        Decimal(60),
        help="How long an order's fate may be unknown before a person is told.",
        unit="s",
        validator=positive,
        section="Execution",
    )
