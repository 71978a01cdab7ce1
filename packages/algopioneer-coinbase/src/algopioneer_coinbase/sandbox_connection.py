"""A client's websocket to the local Coinbase: what it asked for, and what it was told."""

from collections import deque
from collections.abc import Callable
from typing import Any

import anyio
from attrs import define, field

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
        self._change: anyio.Event | None = None  # while somebody waits for one
        self._make_event: Callable[[], anyio.Event] = anyio.Event

    def put(self, text: str) -> None:
        """Add a message, unless it is closed."""
        if len(self._waiting) == self._most:
            self.close()
        if not self._closed:
            self._waiting.append(text)
            self._wake()

    def close(self) -> None:
        """Take no more; what waits is still handed out."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._change is not None:
            self._change.set()
            self._change = None

    async def take(self) -> str | None:
        """
        Wait for the next message; None once it is closed and empty. A cancellation loses none.

        What is already here is returned at once, without a checkpoint.
        """
        while not self._waiting and not self._closed:
            self._change = self._make_event()
            self._make_event = type(self._change)  # anyio asks each time which loop there is
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
