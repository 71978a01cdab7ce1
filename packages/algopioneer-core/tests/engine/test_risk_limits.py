"""Risk limits as users set them."""

from decimal import Decimal
from typing import Any

import attrs
import pytest

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.engine.risk_limits import RiskLimits

D = Decimal


def test_everything_is_off_by_default() -> None:
    """An engine without limits need not ask the gate."""
    limits = RiskLimits()
    assert limits.is_off
    assert not limits.limits_daily_loss


@pytest.mark.parametrize(
    "values",
    [
        {"daily_loss": D(1)},
        {"daily_loss_fraction": D("0.1")},
        {"warn_loss": D(1)},
        {"no_new_loss": D(1)},
        {"reduce_loss": D(1)},
        {"flatten_loss": D(1)},
    ],
)
def test_any_loss_turns_the_daily_loss_on(values: dict[str, Any]) -> None:
    """A stage of its own needs no overall limit."""
    limits = RiskLimits(**values)
    assert limits.limits_daily_loss
    assert not limits.is_off


@pytest.mark.parametrize(
    "values",
    [
        {"max_order_notional": D(1)},
        {"max_instrument_notional": D(1)},
        {"max_gross_notional": D(1)},
        {"max_positions": 1},
        {"max_orders_per_second": 1},
        {"price_collar": D("0.1")},
        {"max_quote_age_s": D(1)},
        {"check_buying_power": True},
        {"check_minimums": True},
    ],
)
def test_any_single_limit_turns_the_gate_on(values: dict[str, Any]) -> None:
    """No limit can be set and skipped."""
    assert not RiskLimits(**values).is_off


def test_stage_fractions_and_boundary_alone_limit_nothing() -> None:
    """They say where and when, not how much."""
    limits = RiskLimits(warn_at=None, flatten_at=D("0.95"), day_start="17:00")
    assert limits.is_off


@pytest.mark.parametrize(
    "name",
    [each.name for each in attrs.fields(RiskLimits) if each.type not in (bool, str)],
)
def test_zero_is_refused_by_name(name: str) -> None:
    """A limit of nothing is a halt, which is said otherwise."""
    with pytest.raises(ConfigError, match=name):
        RiskLimits(**dict[str, Any]({name: 0}))


@pytest.mark.parametrize(
    "values",
    [
        {"warn_at": D("0.8"), "no_new_at": D("0.7")},
        {"reduce_at": D("0.95"), "flatten_at": D("0.9")},
        {"warn_loss": D(10), "flatten_loss": D(9)},
    ],
)
def test_stages_out_of_order_are_refused(values: dict[str, Any]) -> None:
    """Flattening before the warning is a mistake."""
    with pytest.raises(ConfigError, match="is beyond"):
        RiskLimits(**values)


@pytest.mark.parametrize("values", [{"day_start": "noon"}, {"day_zone": "Mars"}])
def test_trading_day_that_cannot_be_understood_is_refused(values: dict[str, Any]) -> None:
    """When the configuration is read, not at the first boundary."""
    with pytest.raises(ConfigError):
        RiskLimits(**values)
