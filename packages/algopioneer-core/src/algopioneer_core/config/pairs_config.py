"""
Pairs as the Rust system of the same name wrote them: `pairs_config.json`, a list of objects.

    [{"spot_symbol": "LTC-USD", "future_symbol": "SOL-USD", "order_size": "200",
      "min_profit_threshold": "0.5", "stop_loss_threshold": "-10", "window_size": 30,
      "entry_z_score": 1.4, "exit_z_score": 0.2}]

`order_size` is quote money to the first leg, and the thresholds are quote money for the pair, as
that system's code took them (semantics, section Risk). It decided on ticks; here `interval`, which
a file may state for each pair, says on which bars.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import ZERO, mul
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.runtime.restart_policy import OnRemove
from algopioneer_core.settings import at_least, below, not_negative, option, optional, positive

__all__ = ["FeeTier", "Pair", "PairsFile", "not_positive", "pair_strategy", "read_pairs"]

_KALMAN: Final = ("kalman_q", "kalman_r", "kalman_variance")
"""Keys of a Kalman filter; the strategy has them under the same names."""
_TWICE: Final = Decimal(2)
_MILLI: Final = Decimal("0.001")


def not_positive(_: Any, attribute: Any, value: Decimal) -> None:
    """
    Check that a loss is written as a negative number, or zero for none.

    Raises:
        ConfigError: It is not.
    """
    if value > 0:
        raise ConfigError(
            f"{attribute.name} must be zero or below, not {value}",
            where=attribute.name,
            remedy="a loss is a negative number",
        )


@frozen(kw_only=True)
class FeeTier:
    """
    What fills cost on paper.

    Raises:
        ConfigError: A value is out of its range.
    """

    maker_fee_bps: Decimal = option(
        Decimal(10), help="Fee of an order that rested.", unit="bps", validator=not_negative
    )
    taker_fee_bps: Decimal = option(
        Decimal(20), help="Fee of an order that took.", unit="bps", validator=not_negative
    )
    slippage_bps: Decimal = option(
        Decimal(5),
        help="By how much market orders trade worse.",
        unit="bps",
        validator=[not_negative, below(10_000)],
    )


@frozen(kw_only=True)
class Pair:
    """
    One pair.

    Raises:
        ConfigError: A value is out of its range, or both legs are one.
    """

    spot_symbol: str = option(help="The first leg.")
    future_symbol: str = option(help="The second leg.")
    order_size: Decimal | None = option(
        help="Amount put into the first leg.",
        unit="quote currency",
        validator=optional(positive),
    )
    max_tick_age_ms: int = option(
        2000,
        help="Oldest price of a leg at an entry, and most time between the two.",
        unit="ms",
        validator=at_least(1),
    )
    execution_timeout_ms: int | None = option(
        None,
        help="How long one leg may stand without the other before a correction; "
        "by default what the venue's rules allow.",
        unit="ms",
        validator=optional(at_least(2)),
    )
    min_profit_threshold: Decimal = option(
        ZERO,
        help="Leave at this net gain; 0 is off.",
        unit="quote currency",
        validator=not_negative,
    )
    stop_loss_threshold: Decimal = option(
        ZERO,
        help="Leave at this net loss, a negative number; 0 is off.",
        unit="quote currency",
        validator=not_positive,
    )
    fee_tier: FeeTier = field(factory=FeeTier)
    throttle_interval_secs: int = option(
        5,
        help="Log lines that repeat are written once in this time.",
        unit="s",
        validator=at_least(0),
    )
    entry_cooldown_ms: int = option(
        30_000,
        help="Shortest time from an exit to the next entry; 0 is off.",
        unit="ms",
        validator=at_least(0),
    )
    window_size: int | None = option(None, help="Bars of the z-score; the strategy's unless set.")
    entry_z_score: Decimal | None = option(
        None, help="Where a pair is entered; the strategy's unless set.", unit="deviations"
    )
    exit_z_score: Decimal | None = option(
        None, help="Where a pair is left; the strategy's unless set.", unit="deviations"
    )
    hedge: str | None = option(
        None,
        help="Where the hedge ratio comes from (fixed, fitted, ols, kalman); the strategy's unless "
        "set.",
    )
    hedge_ratio: Decimal | None = option(
        None,
        help="The fixed hedge ratio, and where a Kalman filter begins; 1 unless set.",
        validator=optional(positive),
    )
    kalman_q: Decimal | None = option(
        None,
        help="Variance by which the filter's alpha and beta each move in a bar; the strategy's "
        "unless set.",
        validator=optional(not_negative),
    )
    kalman_r: Decimal | None = option(
        None,
        help="Variance of the filter's observation noise; the strategy's unless set.",
        validator=optional(positive),
    )
    kalman_variance: Decimal | None = option(
        None,
        help="Variance of alpha and beta before the first bar; the strategy's unless set.",
        validator=optional(not_negative),
    )
    interval: str | None = option(None, help="Length of a bar (1m, 1h, 1d).")
    on_remove: OnRemove | None = option(
        None,
        help="What happens to its position when it is taken out of the file; the strategy's "
        "unless set.",
    )
    short_mode: ShortMode | None = option(
        None, help="How a leg is sold short; as the leg rules say unless set."
    )

    def __attrs_post_init__(self) -> None:
        if self.spot_symbol == self.future_symbol:
            raise ConfigError(
                f"both legs are {self.spot_symbol}", where="future_symbol", remedy="name another"
            )


@frozen(kw_only=True)
class PairsFile:
    """The content of a `pairs_config.json`, as tables of a session."""

    strategies: tuple[dict[str, Any], ...]
    """Tables `[[strategy]]`."""
    fees: Mapping[str, Decimal]
    """Keys of a paper account."""
    throttle_s: int
    """The longest of all."""


def read_pairs(path: Path, *, interval: str | None = None) -> PairsFile:
    """
    Read a `pairs_config.json`.

    Args:
        path: The file.
        interval: Length of a bar of the pairs that state none.

    Raises:
        ConfigError: It cannot be read, is not a list of pairs, a value is wrong, or the pairs have
            different fees, which one account cannot have.
    """
    pairs = _read(path)
    for index, pair in enumerate(pairs):
        if pair.fee_tier != pairs[0].fee_tier:
            raise ConfigError(
                "differs from that of the first pair: one account has one scale of fees",
                where=f"{path}: [{index}].fee_tier",
                remedy="give all pairs the same, or make two files of them",
            )
    fees = pairs[0].fee_tier
    return PairsFile(
        strategies=tuple(pair_strategy(pair, kind="pairs", interval=interval) for pair in pairs),
        fees={
            "maker_fee_bps": fees.maker_fee_bps,
            "taker_fee_bps": fees.taker_fee_bps,
            "slippage_bps": fees.slippage_bps,
        },
        throttle_s=max(pair.throttle_interval_secs for pair in pairs),
    )


def _read(path: Path) -> list[Pair]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except json.JSONDecodeError as cause:
        raise ConfigError(
            f"is not valid JSON: {cause.msg}", where=f"{path}:{cause.lineno}"
        ) from None
    except (OSError, UnicodeDecodeError) as cause:
        reason = getattr(cause, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"cannot be read: {reason}", where=str(path)) from None
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise ConfigError("is not a list of pairs", where=str(path), remedy="write [{...}, {...}]")
    if not content:
        raise ConfigError("has no pairs", where=str(path))
    return [Settings(f"[{index}]", values, path).make(Pair) for index, values in enumerate(content)]


def pair_strategy(pair: Pair, *, kind: str, interval: str | None = None) -> dict[str, Any]:
    """
    Return the table `[[strategy]]` that trades *pair*.

    Args:
        pair: The pair.
        kind: The strategy: `pairs`.
        interval: Length of a bar where the pair states none.
    """
    both = None if pair.order_size is None else mul(pair.order_size, _TWICE)
    values = {
        "kind": kind,
        "name": _pair_name(pair),
        "instruments": [pair.spot_symbol, pair.future_symbol],
        "interval": pair.interval or interval,
        "capital": both,
        "notional": both,
        "window": pair.window_size,
        "z_entry": pair.entry_z_score,
        "z_exit": pair.exit_z_score,
        "hedge": pair.hedge,
        "beta": pair.hedge_ratio,
        **{key: getattr(pair, key) for key in _KALMAN},
        "on_remove": pair.on_remove and pair.on_remove.value,
        "legs": _legs(pair),
        "exit": _exits(pair),
    }
    return {key: value for key, value in values.items() if value is not None}


def _pair_name(pair: Pair) -> str:
    text = f"{pair.spot_symbol}-{pair.future_symbol}"
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)


def _legs(pair: Pair) -> dict[str, Any]:
    """Return the rules of its legs; orders work for a third of the time there is."""
    rules: dict[str, Any] = {
        "max_price_age_s": _seconds(pair.max_tick_age_ms),
        "max_price_skew_s": _seconds(pair.max_tick_age_ms),
    }
    if pair.short_mode is not None:
        rules["short_mode"] = pair.short_mode.value
    if pair.execution_timeout_ms is not None:
        rules["max_residual_s"] = _seconds(pair.execution_timeout_ms)
        rules["patience_s"] = _seconds(max(pair.execution_timeout_ms // 3, 1))
    if pair.entry_cooldown_ms:
        rules["entry_cooldown_s"] = _seconds(pair.entry_cooldown_ms)
    return rules


def _seconds(milliseconds: int) -> Decimal:
    return mul(Decimal(milliseconds), _MILLI)


def _exits(pair: Pair) -> list[dict[str, Any]]:
    band: dict[str, Any] = {"kind": "pnl-band"}
    if pair.min_profit_threshold:
        band["take_profit"] = pair.min_profit_threshold
    if pair.stop_loss_threshold:
        band["stop_loss"] = pair.stop_loss_threshold.copy_negate()
    return [band] if len(band) > 1 else []
