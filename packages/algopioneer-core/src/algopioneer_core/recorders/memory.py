"""A recorder that keeps the latest trades in memory, for tests, notebooks and views."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.ports import RunBlocking
from algopioneer_core.recorders.config import MemoryRecorderConfig
from algopioneer_core.recorders.seen_keys import SeenKeys

__all__ = ["MemoryRecorder", "open_memory_recorder"]


class MemoryRecorder:
    """
    Keeps the latest trades; a key is taken once, even after its trade has been let go.

    Args:
        keep: How many trades are kept at most.
    """

    def __init__(self, keep: int = 1000) -> None:
        self.trades: deque[tuple[str, RoundTrip]] = deque(maxlen=keep)
        """Keys and trades, oldest first."""
        self._keys = SeenKeys()

    async def record(self, key: str, trade: RoundTrip) -> None:
        """Keep *trade*, unless its key was seen before."""
        if key not in self._keys:
            self._keys.add(key)
            self.trades.append((key, trade))

    async def flush(self) -> None:
        """Return at once: memory is as durable as it gets."""


@asynccontextmanager
async def open_memory_recorder(
    config: MemoryRecorderConfig,
    run_blocking: RunBlocking,  # noqa: ARG001  # every recorder is given it
) -> AsyncIterator[MemoryRecorder]:
    """Open the recorder that writes nowhere."""
    yield MemoryRecorder(config.keep)
