"""Settings of the archive: the table `[venue.archive]` of a configuration file."""

from decimal import Decimal

from algopioneer_core.settings import not_negative, option, positive
from attrs import frozen


@frozen(kw_only=True)
class ArchiveConfig:
    """Where the files are, and what trading their instruments costs."""

    folder: str = option(help="Folder that holds a file SYMBOL.csv for each instrument.")
    quantity_increment: Decimal = option(
        Decimal("0.0001"), help="Grid of quantities.", unit="base units", validator=positive
    )
    taker_fee_bps: Decimal = option(
        Decimal(0), help="Fee of an order that takes.", unit="bps", validator=not_negative
    )
