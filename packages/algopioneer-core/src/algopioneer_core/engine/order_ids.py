"""Client order ids: ours, unique over restarts, and short enough for every venue."""

import hashlib
import itertools
from collections.abc import Callable
from typing import Final

from algopioneer_core.domain.errors import OrderError

__all__ = ["CLIENT_ORDER_ID_LENGTH", "order_ids"]

CLIENT_ORDER_ID_LENGTH: Final = 18
"""ASCII characters: the longest free text that every supported venue takes."""
_COUNTER_DIGITS: Final = 8
_MOST: Final = 10**_COUNTER_DIGITS - 1
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def order_ids(journal: str, nonce: str, strategy: str, *, start: int = 1) -> Callable[[], str]:
    """
    Return a function whose every call gives the next client order id of one strategy.

    The first ten characters are a digest (50 bits) of the journal's identity, the nonce drawn at
    this start, and the strategy, so that a lost or restored journal never repeats an id; the last
    eight are a counter.

    Args:
        journal: Identity of the journal, or any fixed text where there is none.
        nonce: Drawn and journalled at each start; injected in simulation.
        strategy: The strategy's name in the configuration.
        start: The first counter value.

    Raises:
        OrderError: By the returned function, when the counter has no digits left.
    """
    digest = hashlib.blake2b("\x1f".join((journal, nonce, strategy)).encode(), digest_size=8)
    number = int.from_bytes(digest.digest(), "big")
    prefix = "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 50, 5))
    counter = itertools.count(start)

    def next_id() -> str:
        number = next(counter)
        if number > _MOST:
            raise OrderError(
                f"there are no client order ids after {_MOST:,}",
                where=strategy,
                remedy="start again: a new start has a new nonce, and ids of its own",
            )
        return f"{prefix}{number:08d}"

    return next_id
