"""
Answers of Coinbase Advanced Trade's REST API, as far as they are read here.

Fields that are not named are ignored and new ones are expected (protocol: REST, general). What is
named must have its type, and one that is missing gets the default below: the venue leaves fields
out without notice (user channel, fields of orders). Numbers stay the text they came as; `numbers`
reads them where they are used, so that a message costs nothing for what nobody looks at.

No structure holds a cycle, so the garbage collector need not look at them (`gc=False`).
"""

from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from algopioneer_core.domain.errors import DataError

__all__ = [
    "Account",
    "AccountsPage",
    "Amount",
    "CancelResult",
    "CancelResults",
    "CandleRow",
    "CandlesPage",
    "CreateFailure",
    "CreateResponse",
    "CreateSuccess",
    "ErrorBody",
    "ErrorItem",
    "FeeTier",
    "FillRow",
    "FillsPage",
    "FutureBalances",
    "FutureBalancesAnswer",
    "FutureDetails",
    "FuturePosition",
    "FuturePositions",
    "KeyPermissions",
    "OrderAnswer",
    "OrderForm",
    "OrderRow",
    "OrdersPage",
    "Product",
    "ProductsPage",
    "ServerTime",
    "TradingSession",
    "TransactionSummary",
    "decode",
    "malformed",
]

_T = TypeVar("_T")
_SHOWN_CHARACTERS: Final = 200
_DECODERS: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


# --- markets ---------------------------------------------------------------------------


class ServerTime(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /time`."""

    epochMillis: str  # noqa: N815 - the venue's spelling


class FutureDetails(Struct, frozen=True, kw_only=True, gc=False):
    """What a product that is a contract adds."""

    venue: str = ""
    contract_expiry: str = ""
    contract_size: str = ""
    contract_root_unit: str = ""
    contract_expiry_type: str = ""


class TradingSession(Struct, frozen=True, kw_only=True, gc=False):
    """Hours of a US future."""

    is_session_open: bool = True
    open_time: str = ""
    close_time: str = ""


class Product(Struct, frozen=True, kw_only=True, gc=False):
    """What can be traded, and its rules (protocol: product)."""

    product_id: str
    product_type: str = ""
    status: str = ""
    base_currency_id: str = ""
    quote_currency_id: str = ""
    base_increment: str = ""
    quote_increment: str = ""
    price_increment: str = ""
    base_min_size: str = ""
    base_max_size: str = ""
    quote_min_size: str = ""
    quote_max_size: str = ""
    is_disabled: bool = False
    trading_disabled: bool = False
    view_only: bool = False
    cancel_only: bool = False
    limit_only: bool = False
    post_only: bool = False
    auction_mode: bool = False
    alias: str = ""
    alias_to: list[str] = []
    future_product_details: FutureDetails | None = None
    fcm_trading_session_details: TradingSession | None = None


class ProductsPage(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /products`."""

    products: list[Product]


class CandleRow(Struct, frozen=True, kw_only=True, gc=False):
    """One bar, stamped with the second at which it opens."""

    start: str
    low: str
    high: str
    open: str
    close: str
    volume: str
    product_id: str = ""
    """On the stream only."""


class CandlesPage(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /products/{id}/candles`: newest first."""

    candles: list[CandleRow]


# --- account ---------------------------------------------------------------------------


class Amount(Struct, frozen=True, kw_only=True, gc=False):
    """A sum and its currency."""

    value: str
    currency: str = ""


class Account(Struct, frozen=True, kw_only=True, gc=False):
    """One wallet; several may hold the same currency."""

    uuid: str
    currency: str
    available_balance: Amount
    hold: Amount | None = None
    type: str = ""
    platform: str = ""


class AccountsPage(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /accounts`."""

    accounts: list[Account]
    has_next: bool = False
    cursor: str = ""


class FeeTier(Struct, frozen=True, kw_only=True, gc=False):
    """Rates as fractions in text."""

    maker_fee_rate: str
    taker_fee_rate: str
    pricing_tier: str = ""


class TransactionSummary(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /transaction_summary`; its other numbers are JSON floats and are not read."""

    fee_tier: FeeTier


class KeyPermissions(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /key_permissions`."""

    can_view: bool = False
    can_trade: bool = False
    can_transfer: bool = False
    portfolio_uuid: str = ""
    portfolio_type: str = ""


class FuturePosition(Struct, frozen=True, kw_only=True, gc=False):
    """One position in a US future."""

    product_id: str
    side: str
    number_of_contracts: str


class FutureBalances(Struct, frozen=True, kw_only=True, gc=False):
    """The money behind contracts; the rest of the venue's dollars are among the accounts."""

    cfm_usd_balance: Amount
    total_open_orders_hold_amount: Amount
    available_margin: Amount | None = None
    liquidation_threshold: Amount | None = None
    liquidation_buffer_amount: Amount | None = None


class FutureBalancesAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /cfm/balance_summary`."""

    balance_summary: FutureBalances


class FuturePositions(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /cfm/positions`."""

    positions: list[FuturePosition]


# --- orders ----------------------------------------------------------------------------


class OrderForm(Struct, frozen=True, kw_only=True, gc=False):
    """The terms of an order: what stands under the one key of its configuration."""

    base_size: str = ""
    quote_size: str = ""
    limit_price: str = ""
    stop_price: str = ""
    stop_direction: str = ""
    end_time: str = ""
    post_only: bool = False


class OrderRow(Struct, frozen=True, kw_only=True, gc=False):
    """An order as REST shows it (protocol: order object)."""

    order_id: str
    product_id: str
    side: str = ""
    client_order_id: str = ""
    status: str = ""
    order_configuration: dict[str, msgspec.Raw] = {}
    """One form under the name of its kind (`OrderForm`); read only where the order is ours, because
    others in the account may use kinds that are not known here."""
    created_time: str = ""
    last_fill_time: str | None = None
    filled_size: str = ""
    filled_value: str = ""
    average_filled_price: str = ""
    total_fees: str = ""
    size_in_quote: bool = False
    reject_reason: str = ""
    reject_message: str = ""
    cancel_message: str = ""
    outstanding_hold_amount: str = ""
    product_type: str = ""


class OrderAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /orders/historical/{order_id}`."""

    order: OrderRow


class OrdersPage(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /orders/historical/batch`."""

    orders: list[OrderRow]
    has_next: bool = False
    cursor: str = ""
    proof_token_required: bool = False
    """Whether data is held back until the holder has confirmed who he is (EU accounts)."""


class FillRow(Struct, frozen=True, kw_only=True, gc=False):
    """One execution (protocol: fills)."""

    entry_id: str
    trade_id: str
    order_id: str
    trade_time: str
    trade_type: str = ""
    price: str
    size: str
    commission: str
    product_id: str
    sequence_timestamp: str = ""
    liquidity_indicator: str = ""
    size_in_quote: bool = False
    side: str = ""


class FillsPage(Struct, frozen=True, kw_only=True, gc=False):
    """`GET /orders/historical/fills`: the last page has no cursor."""

    fills: list[FillRow]
    cursor: str = ""
    proof_token_required: bool = False


class CreateSuccess(Struct, frozen=True, kw_only=True, gc=False):
    """What became of an order that was taken."""

    order_id: str
    product_id: str = ""
    client_order_id: str = ""


class CreateFailure(Struct, frozen=True, kw_only=True, gc=False):
    """Why an order was not taken."""

    error: str = ""
    message: str = ""
    error_details: str = ""
    preview_failure_reason: str = ""
    new_order_failure_reason: str = ""

    @property
    def reason(self) -> str:
        """The first of the three places that names one (protocol: response)."""
        places = (self.new_order_failure_reason, self.error, self.preview_failure_reason)
        named = (each for each in places if each and not each.startswith("UNKNOWN"))
        return next(named, "UNKNOWN_FAILURE_REASON")


class CreateResponse(Struct, frozen=True, kw_only=True, gc=False):
    """`POST /orders`; `failure_reason` of an older shape says nothing and is not read."""

    success: bool
    success_response: CreateSuccess | None = None
    error_response: CreateFailure | None = None


class CancelResult(Struct, frozen=True, kw_only=True, gc=False):
    """What became of the request to cancel one order."""

    success: bool
    order_id: str
    failure_reason: str = ""


class CancelResults(Struct, frozen=True, kw_only=True, gc=False):
    """`POST /orders/batch_cancel`."""

    results: list[CancelResult]


class ErrorItem(Struct, frozen=True, kw_only=True, gc=False):
    """One error of several."""

    id: str = ""
    message: str = ""


class ErrorBody(Struct, frozen=True, kw_only=True, gc=False):
    """What comes with a status that is no success, as far as it is JSON."""

    error: str = ""
    message: str = ""
    error_details: str = ""
    errors: list[ErrorItem] = []

    @property
    def code(self) -> str:
        """The venue's own word for what went wrong; empty when it gives none."""
        return self.error or next((each.id for each in self.errors), "")


def decode(data: bytes | str, kind: type[_T]) -> _T:
    """
    Return the answer to a request as *kind*.

    Raises:
        DataError: It is not JSON, or not of that form.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        answer: _T = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(kind.__name__, error) from None
    return answer


def malformed(what: str, error: Exception) -> DataError:
    """Return the error for something that was sent and is not of the form it should have."""
    return DataError(
        f"the venue sent a {what} that is not as documented: {error}"[:_SHOWN_CHARACTERS],
        where="coinbase",
    )
