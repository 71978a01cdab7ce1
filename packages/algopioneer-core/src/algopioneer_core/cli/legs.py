"""The flags of a backtest's legs: those of `LegRules` that mean something on bars."""

from collections.abc import Collection
from typing import Final

from algopioneer_core.cli.kit import SettingOption, setting_options
from algopioneer_core.engine.leg_rules import LegRules

__all__ = ["leg_options"]

_SESSION_ONLY: Final = ("max_price_age_s", "max_price_skew_s", "max_residual_s", "patience_s")
"""Joint bars are of one time, and deadlines are off in a backtest; a file may still set them."""


def leg_options(taken: Collection[str]) -> list[SettingOption]:
    """Return the flags; those whose word is in *taken* begin with `--legs-`."""
    options = setting_options(LegRules, section="Legs", taken=taken, prefix="legs-")
    return [each for each in options if each.setting.key not in _SESSION_ONLY]
