"""Which trades were recorded, in memory that does not grow with their number."""

from typing import Final

__all__ = ["SeenKeys"]

_LONGEST_NUMBER: Final = 18
"""Digits; what is longer is no running number."""


class SeenKeys:
    """
    A set of trade keys that can only be added to.

    Keys are `strategy:n` with a running n, so almost all of them are kept as one range for each
    strategy; what does not fit (a gap, another form of key) is kept as it is.
    """

    def __init__(self) -> None:
        self._ranges: dict[str, tuple[int, int]] = {}
        self._others: set[str] = set()

    def __contains__(self, key: str) -> bool:
        if key in self._others:
            return True
        name, number = _parts(key)
        first, last = self._ranges.get(name, (0, -1))
        return number is not None and first <= number <= last

    def add(self, key: str) -> None:
        """Add *key*; one that is there already changes nothing."""
        if key not in self:
            name, number = _parts(key)
            first, last = self._ranges.get(name, (number or 0, (number or 0) - 1))
            if number == last + 1:
                self._ranges[name] = (first, self._last_of_run(name, number))
            else:
                self._others.add(key)

    def _last_of_run(self, name: str, number: int) -> int:
        """Return the last number that follows without a gap, taking those that waited for it."""
        while (following := f"{name}:{number + 1}") in self._others:
            self._others.remove(following)
            number += 1
        return number

    @property
    def kept(self) -> int:
        """How many ranges and single keys are held in memory."""
        return len(self._ranges) + len(self._others)


def _parts(key: str) -> tuple[str, int | None]:
    """Return the name and the number of a key; no number where writing it would not give *key*."""
    name, _, text = key.rpartition(":")
    if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_NUMBER:
        return key, None
    return (name, int(text)) if f"{name}:{int(text)}" == key else (key, None)
