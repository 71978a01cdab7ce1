"""What a simulated fill costs: slippage, fees, and the quantity an amount of money buys."""

from decimal import Decimal
from typing import Final

from attrs import field, frozen

from algopioneer_core.domain.errors import ConfigError
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

_BUY: Final = Side.BUY
_TAKER: Final = Liquidity.TAKER


@frozen
class CostModel:
    """
    The slippage and fees of one instrument, as fractions; see SEMANTICS, fills on bars.

    Raises:
        ConfigError: There is a fee per unit and the instrument charges its fees in base: one fill
            cannot be charged in two assets.
    """

    instrument: Instrument
    maker: Decimal
    """Fraction of notional for a fill that rested; negative is a rebate."""
    taker: Decimal
    """Fraction of notional for a fill that took."""
    per_unit: Money
    """Settlement asset for each unit or contract."""
    slippage: Decimal
    """Fraction by which a market order's price is worse, in [0, 1)."""
    takes_base: bool = field(init=False)
    """Whether a purchase is charged in base."""
    _worse: Decimal = field(init=False, repr=False)
    _better: Decimal = field(init=False, repr=False)
    _step_cost: Decimal = field(init=False, repr=False)
    _step_fee: Decimal = field(init=False, repr=False)
    _fee_asset: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        instrument = self.instrument
        step = instrument.quantity_increment.step
        takes_base = instrument.fee_asset is FeeAsset.BASE and instrument.delivers_base
        if takes_base and self.per_unit:
            raise ConfigError(
                f"fees are charged in {instrument.base}, a fee per unit in {instrument.quote}",
                where=instrument.id,
                remedy="leave out the fee per unit, or let fee_asset be quote",
            )
        derived = {
            "takes_base": takes_base,
            "_worse": add(ONE, self.slippage),
            "_better": sub(ONE, self.slippage),
            # Of one quantity step, fee included, for each unit of price (linear) or of its inverse.
            "_step_cost": mul(mul(step, instrument.multiplier), add(ONE, self.taker)),
            "_step_fee": mul(step, self.per_unit),
            "_fee_asset": instrument.settlement_asset,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, instrument: Instrument, config: BacktestConfig) -> "CostModel":
        """Return the costs of *config*; an instrument's own fees stand in where it states none."""
        fees = config.fees
        maker, taker = fees.maker_on(instrument), fees.taker_on(instrument)
        return cls(instrument, maker, taker, fees.per_unit, config.slippage)

    def market_price(self, side: Side, price: Price) -> Price:
        """Return what a market order gets at *price*: worse by the slippage, not rounded."""
        if not self.slippage:
            return price
        return mul(price, self._worse if side is _BUY else self._better)

    def fee(
        self, quantity: Quantity, price: Price, liquidity: Liquidity, *, in_base: bool = False
    ) -> tuple[Money, str]:
        """
        Return the fee of a fill and its asset; negative is a rebate.

        Args:
            quantity: Unsigned.
            price: Of the fill.
            liquidity: Whether it rested.
            in_base: Take it from the base that the fill delivers.
        """
        rate = self.taker if liquidity is _TAKER else self.maker
        instrument = self.instrument
        if in_base:
            return mul(quantity, rate), instrument.base
        fee = mul(instrument.value(quantity, price), rate) if rate else ZERO
        if self.per_unit:
            fee = add(fee, mul(quantity, self.per_unit))
        return fee, self._fee_asset

    def dearer_fee(self, quantity: Quantity, price: Price) -> Money:
        """Return the larger of the fees of a fill that takes and of one that rested."""
        return max(self.fee(quantity, price, each)[0] for each in Liquidity)

    def affordable(self, amount: Money, price: Price) -> Quantity:
        """
        Return the largest quantity on the instrument's grid whose value and taker fee at *price*
        do not exceed *amount* (rounded down): amount ÷ (price × (1 + fee)).
        """
        if amount <= ZERO:
            return ZERO
        instrument = self.instrument
        if instrument.inverse:  # a contract costs multiplier ÷ price: both sides times the price
            amount, unit = mul(amount, price), self._step_cost
            fee = mul(self._step_fee, price) if self._step_fee else ZERO
        else:
            unit, fee = mul(self._step_cost, price), self._step_fee
        steps = floor_units(amount, add(unit, fee) if fee else unit)
        quantity = mul(instrument.quantity_increment.step, steps)
        return quantity if instrument.fractionable else instrument.whole_quantity(quantity)
