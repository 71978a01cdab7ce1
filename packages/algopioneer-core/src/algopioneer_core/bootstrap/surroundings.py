"""What a session takes from the machine: the time, randomness and fresh names."""

import hashlib
import random  # noqa: TID251 - the one place from which randomness is handed to everybody else
import uuid
from collections.abc import Callable

from algopioneer_core.runtime.session import Chance
from algopioneer_core.wire.machine import SystemClock

__all__ = ["SystemClock", "chance", "new_uuid"]

_NONCE_LENGTH = 12


def new_uuid() -> str:
    """Return a name that nothing else has."""
    return uuid.uuid4().hex  # noqa: TID251 - a journal's identity, drawn once


def chance(seed: int | None, journal: str) -> Chance:
    """
    Return the randomness of a session.

    Args:
        seed: Makes jitter the same in every run; drawn by the system where it is None.
        journal: Identity of the journal: jitter of restarts is a function of it, so that a run
            that is derived again waits as long.
    """
    generator = random.Random(seed)  # noqa: S311 - jitter, not secrets
    return Chance(draw=generator.random, jitter=_jitter(journal), nonce=_nonce)


def _jitter(journal: str) -> Callable[[str, int], float]:
    def draw(strategy: str, attempt: int) -> float:
        words = f"{journal}/{strategy}/{attempt}".encode()
        number = int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big")
        return (number >> 11) / (1 << 53)

    return draw


def _nonce() -> str:
    return new_uuid()[:_NONCE_LENGTH]
