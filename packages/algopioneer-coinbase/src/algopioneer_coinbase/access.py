"""Where Coinbase is and with which key, as configured: for the adapter and for its examination."""

import os
from collections.abc import Callable

from attrs import frozen

from algopioneer_coinbase.config import MARKET_URL, REST_URL, USER_URL, CoinbaseConfig
from algopioneer_coinbase.signing import Signer, read_private_key
from algopioneer_coinbase.symbols import VENUE
from algopioneer_core.domain.errors import ConfigError

__all__ = ["Addresses", "addresses_of", "signer_of"]


@frozen
class Addresses:
    """Where requests go, and where the two streams come from."""

    rest: str
    market: str
    user: str


def addresses_of(config: CoinbaseConfig) -> Addresses:
    """Return the addresses of a configuration, else of the environment, else Coinbase's own."""
    return Addresses(
        _url(config.rest_url, "COINBASE_REST_URL", REST_URL),
        _url(config.market_url, "COINBASE_MARKET_URL", MARKET_URL),
        _url(config.user_url, "COINBASE_USER_URL", USER_URL),
    )


def _url(configured: str, variable: str, default: str) -> str:
    return configured or os.environ.get(variable) or default


def signer_of(config: CoinbaseConfig, nonce: Callable[[], str]) -> Signer | None:
    """
    Return what signs with the configured key; None where there is none.

    Args:
        config: Has the key, or has none.
        nonce: Gives a text that never came before.

    Raises:
        ConfigError: Half of the key is missing, or it cannot be read.
    """
    if not config.api_key and not config.api_secret:
        return None
    if not config.api_key or not config.api_secret:
        raise ConfigError(
            "one half of the key is missing",
            where=VENUE,
            remedy="set both COINBASE_API_KEY and COINBASE_API_SECRET, or neither",
        )
    return Signer(config.api_key, read_private_key(config.api_secret), nonce)
