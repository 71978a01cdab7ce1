"""A client's websocket to the local Coinbase: what it asked for, and what it was told."""

from collections import deque
from typing import Any

from attrs import define, field

from algopioneer_core.wire.wake import Wake

__all__ = ["Connection", "Json", "Outbox"]

Json = dict[str, Any]


class Outbox:
    """
    Messages that wait to be sent to one client, oldest first.

    Args:
        most: How many may wait; one more closes it, for the client does not read.
    """

    def __init__(self, most: int) -> None:
        self._waiting: deque[str] = deque()
        self._most = most
        self._closed = False
        self._change = Wake()

    def put(self, text: str) -> None:
        """Add a message, unless it is closed."""
        if len(self._waiting) == self._most:
            self.close()
        if not self._closed:
            self._waiting.append(text)
            self._change.ring()

    def close(self) -> None:
        """Take no more; what waits is still handed out."""
        self._closed = True
        self._change.ring()

    async def take(self) -> str | None:
        """
        Wait for the next message; None once it is closed and empty. A cancellation loses none.

        What is already here is returned at once, without a checkpoint.
        """
        while not self._waiting and not self._closed:
            await self._change.wait()
        return self._waiting.popleft() if self._waiting else None


@define(eq=False)
class Connection:
    """One client, and its numbering of messages."""

    outbox: Outbox
    sent_at: float
    """When something was last sent, or the connection was made; seconds of anyio's clock."""
    subscriptions: dict[str, set[str]] = field(factory=dict)
    sequence: int = 0
    heartbeats: int = 0
    told: dict[str, dict[str, Json]] = field(factory=dict)
    """What the channels that tell only of changes have told last, by product."""

    def wants(self, channel: str, product: str) -> bool:
        """Return whether something of a product goes out here; no product named means all."""
        products = self.subscriptions.get(channel)
        return products is not None and (not products or product in products)
