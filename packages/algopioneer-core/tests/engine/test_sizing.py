"""Sizing: how much an entry is."""

from decimal import Decimal

import pytest

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.context import EngineContext
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.testing.engine import INSTRUMENT, ScriptedStrategy, make_engine

D = Decimal


def _context(capital: str) -> EngineContext:
    engine = make_engine(ScriptedStrategy(), capital=capital)
    return EngineContext(engine.portfolio, engine.orders)


def test_fraction_of_equity_is_an_order_in_money() -> None:
    """The amount is fixed at the signal, to the last digit."""
    entry = Sizing(fraction=D("0.3")).entry(INSTRUMENT.id, Side.SELL, _context("1000.01"))
    assert entry == OrderIntent(
        instrument_id=INSTRUMENT.id, side=Side.SELL, quote_amount=D("300.003")
    )


def test_fixed_quantity_is_an_order_in_units() -> None:
    """A quantity does not look at equity."""
    entry = Sizing(quantity=D(2)).entry(INSTRUMENT.id, Side.BUY, _context("0"))
    assert entry == OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=D(2))


@pytest.mark.parametrize("capital", ["0", "-5"])
def test_no_equity_gives_no_order(capital: str) -> None:
    """There is nothing to size an entry by once everything is lost."""
    assert Sizing(fraction=D(1)).entry(INSTRUMENT.id, Side.BUY, _context(capital)) is None


@pytest.mark.parametrize(
    ("fraction", "quantity", "message"),
    [
        (None, None, "either a fraction of equity or a fixed quantity"),
        ("1", "1", "either a fraction of equity or a fixed quantity"),
        ("0", None, "above 0 and at most 1"),
        ("1.01", None, "above 0 and at most 1"),
        (None, "0", "must be positive"),
    ],
)
def test_size_must_be_one_of_both_and_in_range(
    fraction: str | None, quantity: str | None, message: str
) -> None:
    """A size that means nothing is refused when it is configured."""
    with pytest.raises(ConfigError, match=message):
        Sizing(fraction=fraction and D(fraction), quantity=quantity and D(quantity))  # type: ignore[arg-type]
