"""What makes two instruments a basis: the checks before anything is traded, fees and size."""

from decimal import Decimal
from typing import Final, Self

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentKind
from algopioneer_core.domain.money import mul, scaled
from algopioneer_core.domain.spreads import Neutrality, SpreadSize
from algopioneer_strategies.basis_config import AtExpiry, BasisConfig
from algopioneer_strategies.basis_rule import BasisRule

__all__ = ["TradedContract", "check_legs", "fee_bps", "size_of"]

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
    if unknown and config.at_expiry is not AtExpiry.HOLD:
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


@frozen
class TradedContract:
    """One contract, and until when it may be held."""

    instrument: Instrument
    rule: BasisRule
    deadline_ns: int | None
    """From when it may not be held any more, UTC nanoseconds; None when there is no such time."""
    expiry_ns: int | None
    """When one of the two legs expires."""

    @classmethod
    def of(cls, config: BasisConfig, spot: Instrument, contract: Instrument) -> Self:
        """
        Return how *contract* is traded against *spot*.

        Raises:
            ConfigError: The fee of one of them is not known.
        """
        rule = BasisRule(
            config,
            fee_bps(spot, "spot_fee_bps", config.spot_fee_bps),
            fee_bps(contract, "future_fee_bps", config.future_fee_bps),
        )
        expiries = [each.expiry_ns for each in (spot, contract) if each.expiry_ns is not None]
        expiry_ns = min(expiries, default=None)
        if expiry_ns is None or config.at_expiry is AtExpiry.HOLD:
            return cls(contract, rule, None, expiry_ns)
        return cls(contract, rule, expiry_ns - scaled(config.close_before_expiry_s, 9), expiry_ns)

    def is_late(self, now_ns: int, step_ns: int) -> bool:
        """Return whether this is the last bar at which to leave before expiry, or past it."""
        if self.deadline_ns is None:
            return False
        return now_ns >= self.deadline_ns or self.expires_by(now_ns + step_ns)

    def expires_by(self, ts_ns: int) -> bool:
        """Return whether it has expired at this time."""
        return self.expiry_ns is not None and ts_ns >= self.expiry_ns


def size_of(config: BasisConfig) -> SpreadSize:
    """Return the delta-neutral size that *config* asks for."""
    if config.notional is not None:
        return SpreadSize(notional=config.notional, neutrality=Neutrality.DELTA)
    return SpreadSize(fraction=config.position_size, neutrality=Neutrality.DELTA)
