"""What a user states of Coinbase; keys come from the environment or `.env`."""

from decimal import Decimal
from typing import Final

from attrs import frozen

from algopioneer_core.settings import at_least, not_negative, option, positive, secret

__all__ = ["MARKET_URL", "REST_URL", "USER_URL", "CoinbaseConfig"]

REST_URL: Final = "https://api.coinbase.com"
"""Where requests go."""
MARKET_URL: Final = "wss://advanced-trade-ws.coinbase.com"
"""Where market data comes from."""
USER_URL: Final = "wss://advanced-trade-ws-user.coinbase.com"
"""Where order updates come from."""


@frozen(kw_only=True)
class CoinbaseConfig:
    """
    Coinbase Advanced Trade.

    Without a key it has public market data and no account. Fees are taken to be those of the tier
    that everybody begins in then (protocol: fee tier); a key is told its own.

    Raises:
        ConfigError: A value is out of its range.
    """

    api_key: str = secret(
        environment="COINBASE_API_KEY",
        help="Name of the key: organizations/…/apiKeys/….",
    )
    api_secret: str = secret(
        environment="COINBASE_API_SECRET",
        help="Its private key, PEM with line ends as \\n, or base64.",
    )
    rest_url: str = option("", help="Where requests go; by default COINBASE_REST_URL or Coinbase.")
    market_url: str = option(
        "", help="Websocket of market data; by default COINBASE_MARKET_URL or Coinbase."
    )
    user_url: str = option(
        "", help="Websocket of orders; by default COINBASE_USER_URL or Coinbase."
    )
    futures: bool = option(True, help="Trade US futures too, where the account may.")
    maker_fee_bps: Decimal = option(
        Decimal(50),
        help="Fee of an order that rested, where there is no key to ask with.",
        unit="bps",
        validator=not_negative,
    )
    taker_fee_bps: Decimal = option(
        Decimal(90),
        help="Fee of an order that took, where there is no key to ask with.",
        unit="bps",
        validator=not_negative,
    )
    private_per_second: int = option(
        25, help="Most requests with the key in a second; 30 are allowed.", validator=at_least(2)
    )
    public_per_second: int = option(
        8, help="Most requests without it in a second; 10 are allowed.", validator=at_least(2)
    )
    silence_s: int = option(
        10, help="A stream that is silent for longer is opened anew.", unit="s", validator=positive
    )
    absence_after_s: int = option(
        60,
        help="How long an order that no list shows is taken to be on its way.",
        unit="s",
        validator=positive,
    )
    lookback_days: int = option(
        7,
        help="How far back an order of unknown fate is looked for.",
        unit="days",
        validator=positive,
    )
