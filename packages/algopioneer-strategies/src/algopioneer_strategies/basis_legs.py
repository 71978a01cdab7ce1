"""What makes two instruments a basis: the checks before anything is traded, fees and size."""

from decimal import Decimal
from typing import Final

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentKind
from algopioneer_core.domain.money import mul
from algopioneer_core.domain.spreads import Neutrality, SpreadSize
from algopioneer_strategies.basis_config import AtExpiry, BasisConfig

__all__ = ["check_legs", "fee_bps", "size_of"]

_CONTRACTS: Final = (InstrumentKind.FUTURE, InstrumentKind.PERPETUAL)
_PER_BPS: Final = Decimal(10_000)


def check_legs(config: BasisConfig, spot: Instrument, future: Instrument) -> None:
    """
    Check that *spot* and *future* make the basis that *config* describes.

    Raises:
        ConfigError: They are the same, the second is no contract, the bases differ, an expiry is
            needed and not stated, or funding is expected of what pays none.
    """
    if spot.id == future.id:
        raise ConfigError(
            "a basis needs two different instruments", where=spot.id, remedy="name another one"
        )
    if future.kind not in _CONTRACTS:
        raise ConfigError(
            "the second instrument of a basis must be a future or perpetual, "
            f"not {future.kind.value}",
            where=future.id,
            remedy="name the spot first, and state the contract's kind with --instruments FILE",
        )
    if spot.base != future.base:
        raise ConfigError(
            f"a basis is of one asset, not of {spot.base} and {future.base}",
            where=f"{spot.id} / {future.id}",
            remedy="state the base of both with --instruments FILE",
        )
    _check_expiry(config, spot, future)
    if config.expected_funding_bps and future.kind is not InstrumentKind.PERPETUAL:
        raise ConfigError(
            f"a {future.kind.value} pays no funding",
            where="expected_funding_bps",
            remedy="leave it out, or trade a perpetual",
        )


def _check_expiry(config: BasisConfig, spot: Instrument, future: Instrument) -> None:
    legs = (spot, future)
    unknown = [
        each.id for each in legs if each.kind is InstrumentKind.FUTURE and each.expiry_ns is None
    ]
    if unknown and config.at_expiry is AtExpiry.CLOSE:
        raise ConfigError(
            "a future's expiry is not known, so it cannot be left before it",
            where=unknown[0],
            remedy="state its expiry with --instruments FILE, or set at_expiry = hold",
        )
    if config.annualise and all(each.expiry_ns is None for each in legs):
        raise ConfigError(
            "without an expiry there is nothing to annualise to",
            where="annualise",
            remedy="leave it out, or trade a future whose expiry is stated",
        )


def fee_bps(instrument: Instrument, key: str, stated: Decimal | None) -> Decimal:
    """
    Return the fee of one fill in bps: the one *stated* under *key*, else the instrument's own.

    Raises:
        ConfigError: There is neither.
    """
    if stated is not None:
        return stated
    if instrument.taker_fee is None:
        raise ConfigError(
            f"the fee of {instrument.id} is not known, so a net basis is not either",
            where=key,
            remedy=f"give {key}, or the instrument's fee with --instruments FILE",
        )
    return mul(instrument.taker_fee, _PER_BPS)


def size_of(config: BasisConfig) -> SpreadSize:
    """Return the delta-neutral size that *config* asks for."""
    if config.notional is not None:
        return SpreadSize(notional=config.notional, neutrality=Neutrality.DELTA)
    return SpreadSize(fraction=config.position_size, neutrality=Neutrality.DELTA)
