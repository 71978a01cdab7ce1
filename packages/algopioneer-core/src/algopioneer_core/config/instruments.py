"""
Instruments described by a file: what a venue would tell about its contracts.

Each table is named by the symbol (`["BTC-PERP"]`, or `["kraken:BTC-PERP"]` for one venue only):

    ["BTC-PERP"]
    kind = "perpetual"
    price_increment = 0.5
    quantity_increment = 0.001
    multiplier = 1
"""

import datetime
import functools
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from algopioneer_core.config.files import read_toml
from algopioneer_core.config.structure import structure
from algopioneer_core.domain.errors import ConfigError, MoneyError
from algopioneer_core.domain.instruments import (
    FeeAsset,
    Instrument,
    InstrumentId,
    InstrumentKind,
)
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import BPS, Increment, mul
from algopioneer_core.settings import nearest, not_negative, option, optional, positive

__all__ = ["InstrumentDescription", "Instruments", "nanoseconds", "read_instruments"]

_UNIX_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@frozen(kw_only=True)
class InstrumentDescription:
    """
    One table of an instruments file; what is left out is as for a file without metadata.

    Raises:
        ConfigError: A value is out of its range.
    """

    kind: InstrumentKind = option(InstrumentKind.SPOT, help="What owning it means.")
    base: str | None = option(None, help="Asset a buyer receives; by default from the symbol.")
    quote: str | None = option(None, help="Asset prices are in; by default from the symbol.")
    price_increment: Decimal | None = option(
        None, help="Grid of limit prices.", validator=optional(positive)
    )
    quantity_increment: Decimal | None = option(
        None, help="Grid of quantities; 1e-8 by default.", validator=optional(positive)
    )
    quote_increment: Decimal | None = option(
        None, help="Grid of quote-sized amounts.", validator=optional(positive)
    )
    minimum_quantity: Decimal = option(Decimal(0), help="Smallest order.", validator=not_negative)
    minimum_notional: Decimal = option(
        Decimal(0), help="Smallest order by value.", validator=not_negative
    )
    multiplier: Decimal = option(
        Decimal(1), help="Base (inverse: quote) units per contract.", validator=positive
    )
    inverse: bool = option(False, help="Whether it is worth a fixed quote amount, paid in base.")
    expiry: datetime.datetime | None = option(None, help="When it settles; UTC without a zone.")
    calendar: str | None = option(None, help="Exchange calendar; none is round the clock.")
    shortable: bool = option(True, help="Whether it can be sold without being owned.")
    fractionable: bool = option(True, help="Whether less than one unit can be traded.")
    maker_fee_bps: Decimal | None = option(
        None, help="Fee of an order that rested; negative is a rebate.", unit="bps"
    )
    taker_fee_bps: Decimal | None = option(
        None, help="Fee of an order that took.", unit="bps", validator=optional(not_negative)
    )
    fee_asset: FeeAsset = option(FeeAsset.QUOTE, help="Asset in which fees are taken.")

    def instrument(self, instrument_id: InstrumentId) -> Instrument:
        """
        Return the instrument this describes.

        Raises:
            ConfigError: The parts contradict each other.
            MoneyError: An amount is out of its range.
        """
        plain = Instrument.undescribed(instrument_id)
        return Instrument(
            id=instrument_id,
            base=self.base or plain.base,
            quote=self.quote or plain.quote,
            kind=self.kind,
            price_increment=_increment(self.price_increment),
            quantity_increment=_increment(self.quantity_increment) or plain.quantity_increment,
            quote_increment=_increment(self.quote_increment),
            minimum_quantity=self.minimum_quantity,
            minimum_notional=self.minimum_notional,
            multiplier=self.multiplier,
            inverse=self.inverse,
            expiry_ns=None if self.expiry is None else nanoseconds(self.expiry),
            calendar=self.calendar,
            shortable=self.shortable,
            fractionable=self.fractionable,
            maker_fee=_from_bps(self.maker_fee_bps),
            taker_fee=_from_bps(self.taker_fee_bps),
            fee_asset=self.fee_asset,
        )


def _increment(step: Decimal | None) -> Increment | None:
    return None if step is None else Increment(step)


def _from_bps(bps: Decimal | None) -> Decimal | None:
    return None if bps is None else mul(bps, BPS)


def nanoseconds(moment: datetime.datetime) -> int:
    """Return an aware *moment* as UTC nanoseconds, exactly."""
    since = moment - _UNIX_EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_SECOND + since.microseconds * 1_000


def read_instruments(path: Path) -> "Instruments":
    """
    Return the instruments a TOML file describes.

    Raises:
        ConfigError: The file cannot be read, or a value in it is wrong; names file and key.
    """
    described = {
        symbol: structure(
            InstrumentDescription,
            _as_table(path, symbol, values),
            locate=functools.partial(_place, path, symbol),
        )
        for symbol, values in read_toml(path).items()
    }
    return Instruments(path, described)


def _place(path: Path, symbol: str, key: str) -> str:
    return f"{path}: {symbol}.{key}"


def _as_table(path: Path, symbol: str, values: object) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(
            f"{symbol!r} must be a table",
            where=f"{path}: {symbol}",
            remedy=f'write ["{symbol}"], then one line for each property',
        )
    return values


@frozen
class Instruments:
    """What a file says about instruments, by symbol or `venue:symbol`."""

    path: Path
    described: Mapping[str, InstrumentDescription]

    def instrument(self, instrument_id: InstrumentId) -> Instrument:
        """
        Return the instrument *instrument_id*.

        Raises:
            ConfigError: The file has no table for it, or a contradictory one.
        """
        for key in (str(instrument_id), instrument_id.symbol):
            if key in self.described:
                return self._made(key, instrument_id)
        near = nearest(instrument_id.symbol, self.described)
        raise ConfigError(
            f"does not describe {instrument_id.symbol!r}",
            where=str(self.path),
            remedy=f"did you mean {near!r}?" if near else f'add a table ["{instrument_id.symbol}"]',
        )

    def _made(self, key: str, instrument_id: InstrumentId) -> Instrument:
        try:
            return self.described[key].instrument(instrument_id)
        except (ConfigError, MoneyError) as error:
            raise ConfigError(
                error.message, where=f"{self.path}: {key}", remedy=error.remedy
            ) from error
