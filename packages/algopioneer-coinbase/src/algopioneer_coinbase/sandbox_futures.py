"""
The futures account of the local Coinbase: what is held of contracts, and the money behind them.

It is a second pocket of the same dollars: gains, losses and fees of contracts collect in it, and
`/accounts` shows the rest. Margin is reckoned at each contract's own rate of its present value.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from algopioneer_coinbase.sandbox_rules import margin_rate
from algopioneer_coinbase.sandbox_shapes import position_json
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentKind
from algopioneer_core.domain.money import ZERO, divide_half_even, mul, plain, sub, total
from algopioneer_core.domain.positions import Position
from algopioneer_core.simulation.paper_account import PaperAccount

__all__ = ["FUTURES_ASSET", "FuturesAccount"]

FUTURES_ASSET: Final = "USD"
"""What the contracts are margined and settled in."""
_HALF: Final = Decimal("0.5")
_PERCENT: Final = Decimal(100)
Json = dict[str, Any]


class FuturesAccount:
    """
    What the exchange's books have of contracts, in the venue's words.

    Args:
        account: The books.
        instruments: All that is traded.
        products: Their descriptions, by name; they have the margin rates.
    """

    def __init__(
        self,
        account: PaperAccount,
        instruments: Iterable[Instrument],
        products: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._account = account
        self._contracts = [each for each in instruments if each.kind is InstrumentKind.FUTURE]
        self._products = products

    @property
    def money(self) -> Decimal:
        """What lies in this pocket: all gains of closed contracts less all fees."""
        booked = [self._account.position(each.id) for each in self._contracts]
        return total(*(sub(each.realised, each.fees) for each in booked))

    def positions(self) -> list[Json]:
        """Return what is held, contract by contract."""
        return [
            position_json(position, self._price(position), self._margin(position))
            for position in self._open()
        ]

    def _open(self) -> list[Position]:
        booked = (self._account.position(each.id) for each in self._contracts)
        return [each for each in booked if each.quantity]

    def _price(self, position: Position) -> Decimal:
        return self._account.mark(position.instrument.id) or ZERO

    def _margin(self, position: Position) -> Decimal:
        """Return what a position must be covered with over night."""
        side = Side.BUY if position.quantity > 0 else Side.SELL
        rate = margin_rate(self._products[position.instrument.id.symbol], side)
        worth = position.instrument.value(position.quantity, self._price(position))
        return mul(worth.copy_abs(), rate)

    def stream_summary(self) -> Json:
        """Return the same as the stream has it: sums of money are bare numbers there."""
        return _bare(self.summary())

    def summary(self) -> Json:
        """Return the money behind the contracts; half of the initial margin must be kept."""
        held = self._open()
        everything = self._account.balances.get(FUTURES_ASSET, ZERO)
        gain = total(*(each.unrealised(self._price(each)) for each in held))
        margin = total(*(self._margin(each) for each in held))
        kept = mul(margin, _HALF)
        worth = total(everything, gain)
        free, buffer = max(sub(worth, margin), ZERO), sub(worth, kept)
        percent = divide_half_even(mul(buffer, _PERCENT), kept, places=0) if kept else _PERCENT
        window: Json = {
            "margin_level": "MARGIN_LEVEL_TYPE_BASE",
            "initial_margin": _usd(margin),
            "maintenance_margin": _usd(kept),
            "liquidation_buffer_percentage": plain(percent),
            "total_hold": _usd(ZERO),
            "futures_buying_power": _usd(free),
        }
        return {
            "futures_buying_power": _usd(free),
            "total_usd_balance": _usd(everything),
            "cbi_usd_balance": _usd(sub(everything, self.money)),
            "cfm_usd_balance": _usd(self.money),
            "total_open_orders_hold_amount": _usd(ZERO),
            "unrealized_pnl": _usd(gain),
            "daily_realized_pnl": _usd(ZERO),
            "initial_margin": _usd(margin),
            "available_margin": _usd(free),
            "liquidation_threshold": _usd(kept),
            "liquidation_buffer_amount": _usd(buffer),
            "liquidation_buffer_percentage": plain(percent),
            **{
                f"{name}_margin_window_measure": {
                    "margin_window_type": f"FCM_MARGIN_WINDOW_TYPE_{name.upper()}",
                    **window,
                }
                for name in ("intraday", "overnight")
            },
        }


def _usd(value: Decimal) -> Json:
    return {"value": plain(value), "currency": FUTURES_ASSET}


def _bare(content: Json) -> Json:
    return {
        name: (value["value"] if "currency" in value else _bare(value))
        if isinstance(value, dict)
        else value
        for name, value in content.items()
    }
