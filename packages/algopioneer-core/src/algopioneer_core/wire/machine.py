"""
What an adapter takes from the machine it runs on, where nobody hands it in: time and chance.

Tests and simulations hand in their own; these are the defaults of production.
"""

import random  # noqa: TID251 - jitter and nonces of the live wire; a seed would make them known
import time

__all__ = ["SystemClock", "draw", "nonce"]

_SOURCE = random.SystemRandom()
_NONCE_BITS = 128


class SystemClock:
    """The `Clock` of the machine."""

    def now_ns(self) -> int:
        """Return the present time, UTC nanoseconds."""
        return time.time_ns()  # noqa: TID251 - the shell's clock, handed to everybody else


def draw() -> float:
    """Return a number in [0, 1)."""
    return _SOURCE.random()


def nonce() -> str:
    """Return 32 hexadecimal digits that nobody can foresee."""
    return f"{_SOURCE.getrandbits(_NONCE_BITS):032x}"
