"""A `StateStore` in memory."""

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from algopioneer_core.journal.codec import decode, encode

__all__ = ["MemoryStateStore"]


@define
class MemoryStateStore:
    """Keeps states as the text that a journal would write, so that it refuses what that refuses."""

    texts: dict[str, str] = field(factory=dict)
    """What is kept, by key: hand it to another store to open this one again."""

    async def save(self, key: str, state: Mapping[str, object]) -> None:
        """
        Replace what is kept under *key*.

        Raises:
            CodecError: The state has no canonical text; what was kept is kept.
        """
        self.texts[key] = encode(dict(state))

    async def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what is kept under *key*; None when there is nothing."""
        text = self.texts.get(key)
        state: Mapping[str, Any] | None = None if text is None else decode(text)
        return state

    async def delete(self, key: str) -> None:
        """Forget what is kept under *key*, if anything."""
        self.texts.pop(key, None)
