"""Which trades were recorded, in four bytes each."""

from array import array
from typing import Final

__all__ = ["SeenKeys"]

_LONGEST_NUMBER: Final = 18
"""Digits; what is longer is no running number."""
_MARK: Final = "I"
"""Unsigned, four bytes."""


class SeenKeys:
    """
    A set of trade keys that can only be added to, with a mark for each.

    Keys are `strategy:n` with a running n, so almost all of them are kept as one range for each
    strategy; what does not fit (a gap, another form of key) is kept as it is.
    """

    def __init__(self) -> None:
        self._ranges: dict[str, tuple[int, array[int]]] = {}
        self._others: dict[str, int] = {}

    def __contains__(self, key: str) -> bool:
        return self.mark_of(key) is not None

    def mark_of(self, key: str) -> int | None:
        """Return the mark *key* was added with; None when it was not added."""
        if key in self._others:
            return self._others[key]
        name, number = _parts(key)
        first, marks = self._ranges.get(name, (0, ()))
        inside = number is not None and 0 <= number - first < len(marks)
        return marks[number - first] if inside and number is not None else None

    def add(self, key: str, mark: int = 0) -> None:
        """Add *key* with *mark* (below 2**32); one that is there already keeps the mark it has."""
        if key not in self:
            name, number = _parts(key)
            if number is None:
                self._others[key] = mark
            else:
                self._add(name, number, mark)

    def _add(self, name: str, number: int, mark: int) -> None:
        first, marks = self._ranges.setdefault(name, (number, array(_MARK)))
        if number != first + len(marks):
            self._others[f"{name}:{number}"] = mark
            return
        marks.append(mark)
        while (following := f"{name}:{first + len(marks)}") in self._others:
            marks.append(self._others.pop(following))

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
