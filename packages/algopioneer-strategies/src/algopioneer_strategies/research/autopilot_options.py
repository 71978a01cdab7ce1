"""What a user asks of `autopilot` beside the search itself; light, because `--help` reads it."""

from decimal import Decimal
from typing import Final

from attrs import frozen

from algopioneer_core.history.intervals import length_of_time
from algopioneer_core.settings import at_least, at_most, option, optional, positive

__all__ = ["AutopilotOptions"]

_PORTFOLIO: Final = "Portfolio"


@frozen(kw_only=True)
class AutopilotOptions:
    """
    Which portfolio is looked after, and how.

    Raises:
        ConfigError: A value is out of its range.
    """

    portfolio: str = option(
        "discovered_pairs.json",
        help="The pairs that are traded: the file that portfolio --config was given.",
        section=_PORTFOLIO,
        metavar="FILE",
    )
    journal: str | None = option(
        None,
        help="Journal of the session that trades them; whoever holds it is told to read the file "
        "again.",
        section=_PORTFOLIO,
        metavar="FILE",
    )
    apply: bool = option(
        False,
        help="Write the file and tell the session; otherwise only say what would be done.",
        section=_PORTFOLIO,
    )
    every: str | None = option(
        None,
        help="Look again after this long (1d, 6h), until Ctrl-C; by default once.",
        section=_PORTFOLIO,
        metavar="LENGTH",
        validator=optional(length_of_time),
    )
    level: Decimal = option(
        Decimal("0.04"),
        help="Probability of a false change in as many bars as are held out.",
        section=_PORTFOLIO,
        validator=[positive, at_most(Decimal("0.04"))],
    )
    places: int | None = option(
        None,
        help="How many pairs may be traded at once; by default as many as there are.",
        section=_PORTFOLIO,
        validator=optional(at_least(1)),
    )
    on_remove: str = option(
        "drain",
        help="What happens to the position of a pair that is added now, once it is taken out.",
        choices=("drain", "flatten", "refuse"),
        section=_PORTFOLIO,
    )
