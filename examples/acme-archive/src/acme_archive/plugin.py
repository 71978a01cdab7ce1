"""What this distribution plugs in."""

from algopioneer_core.domain.capabilities import FillReporting, IdempotentSubmit
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.plugins import Capabilities, Capability, Support, VenueSpec, hookimpl

_MINUTE_NS = 60_000_000_000

CAPABILITIES = Capabilities(
    kinds=(InstrumentKind.SPOT,),
    support={Capability.BARS_HISTORY: Support.NATIVE},
    history_bar_intervals_ns=tuple(minutes * _MINUTE_NS for minutes in (1, 5, 60, 1440)),
    bar_stamp="open",
    # It takes no orders, so what it would do with them is never asked.
    idempotent_submit=IdempotentSubmit.NEVER,
    fill_reporting=FillReporting.SINGLE,
    absence_after_ns=1,
)
"""History, and nothing else."""


@hookimpl
def algopioneer_venues() -> list[VenueSpec]:
    """Venues of this distribution."""
    return [
        VenueSpec(
            name="archive",
            summary="A folder of CSV files, one for each symbol.",
            factory="acme_archive.venue:open_archive",
            config="acme_archive.config:ArchiveConfig",
            capabilities=CAPABILITIES,
        )
    ]
