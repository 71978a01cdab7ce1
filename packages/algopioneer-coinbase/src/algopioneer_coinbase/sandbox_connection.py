"""A client's websocket to the local Coinbase: what it asked for, and what it was told."""

from typing import Any

from anyio.streams.memory import MemoryObjectSendStream
from attrs import define, field

__all__ = ["Connection", "Json"]

Json = dict[str, Any]


@define(eq=False)
class Connection:
    """One client, and its numbering of messages."""

    outbox: MemoryObjectSendStream[str]
    subscriptions: dict[str, set[str]] = field(factory=dict)
    sequence: int = 0
    heartbeats: int = 0
    told: dict[str, dict[str, Json]] = field(factory=dict)
    """What the channels that tell only of changes have told last, by product."""

    def wants(self, channel: str, product: str) -> bool:
        """Return whether something of a product goes out here; no product named means all."""
        products = self.subscriptions.get(channel)
        return products is not None and (not products or product in products)
