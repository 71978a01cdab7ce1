"""What a simulated fill costs: slippage, fees, and the quantity an amount of money buys."""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.instruments import FeeAsset, Instrument
from algopioneer_core.domain.money import (
    ONE,
    ZERO,
    Money,
    Price,
    Quantity,
    add,
    floor_units,
    mul,
    sub,
)
from algopioneer_core.simulation.config import BacktestConfig

__all__ = ["CostModel"]


@frozen
class CostModel:
    """The slippage and fees of one instrument, as fractions; see SEMANTICS, fills on bars."""

    instrument: Instrument
    maker: Decimal
    """Fraction of notional for a fill that rested; negative is a rebate."""
    taker: Decimal
    """Fraction of notional for a fill that took."""
    per_unit: Money
    """Quote currency for each unit or contract."""
    slippage: Decimal
    """Fraction by which a market order's price is worse."""

    @classmethod
    def of(cls, instrument: Instrument, config: BacktestConfig) -> "CostModel":
        """Return the costs of *config*; an instrument's own fees stand in where it has none."""
        fees = config.fees
        maker = sub(fees.maker, fees.maker_rebate)
        if not maker and instrument.maker_fee is not None:
            maker = instrument.maker_fee
        taker = fees.taker
        if not taker and instrument.taker_fee is not None:
            taker = instrument.taker_fee
        return cls(instrument, maker, taker, fees.per_unit, config.slippage)

    def market_price(self, side: Side, price: Price) -> Price:
        """Return what a market order gets at *price*: worse by the slippage, not rounded."""
        factor = add(ONE, self.slippage) if side is Side.BUY else sub(ONE, self.slippage)
        return mul(price, factor)

    def fee(self, quantity: Quantity, price: Price, liquidity: Liquidity) -> tuple[Money, str]:
        """Return the fee of a fill and its asset; negative is a rebate."""
        rate = self.taker if liquidity is Liquidity.TAKER else self.maker
        instrument = self.instrument
        if instrument.fee_asset is FeeAsset.BASE and instrument.delivers_base:
            return mul(quantity, rate), instrument.base
        fee = mul(instrument.value(quantity, price), rate) if rate else ZERO
        if self.per_unit:
            fee = add(fee, mul(quantity, self.per_unit))
        return fee, instrument.settlement_asset

    def affordable(self, amount: Money, price: Price) -> Quantity:
        """
        Return the largest quantity on the instrument's grid whose value and taker fee at *price*
        do not exceed *amount* (rounded down): amount ÷ (price × (1 + fee)).
        """
        instrument = self.instrument
        step = instrument.quantity_increment.step
        if instrument.inverse:  # value of a contract is multiplier / price: no division needed
            unit = mul(mul(step, instrument.multiplier), add(ONE, self.taker))
            amount = mul(amount, price)
        else:
            unit = mul(instrument.value(step, price), add(ONE, self.taker))
        if self.per_unit:
            unit = add(unit, mul(step, self.per_unit))
        quantity = mul(step, floor_units(amount, unit)) if amount > 0 else ZERO
        return instrument.whole_quantity(quantity) if not instrument.fractionable else quantity
