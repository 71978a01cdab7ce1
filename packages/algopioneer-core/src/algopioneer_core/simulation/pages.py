"""
A list that only grows, kept in pages: the latest of it, of which little changes at a time.

Who saves it with every change writes the pages that have become longer, one as a rule, and not the
whole list again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Generic, TypeVar

__all__ = ["PAGE", "Pages"]

PAGE: Final = 64
"""Items of a full page: as much as one commit writes again for the sake of one new item."""
_T = TypeVar("_T")


class Pages(Generic[_T]):
    """
    What was appended lately.

    The oldest page is dropped, whole, as soon as what remains are *kept* items or more and nothing
    on it is needed any more. So between *kept* and *kept* + `PAGE` are here where nothing is needed
    for longer.

    Args:
        kept: How many items are kept at least.
        is_needed: Whether an old item has to stay, however many there are.
    """

    def __init__(self, kept: int, is_needed: Callable[[_T], bool] = lambda _: False) -> None:
        self._kept = kept
        self._is_needed = is_needed
        self._pages: dict[int, list[_T]] = {}  # by number, ascending
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[_T]:
        for page in self._pages.values():
            yield from page

    def append(self, item: _T) -> Sequence[_T]:
        """Add *item* at the end; return what is dropped for it, oldest first."""
        last = next(reversed(self._pages), -1)
        if last < 0 or len(self._pages[last]) >= PAGE:
            last += 1
            self._pages[last] = []
        self._pages[last].append(item)
        self._count += 1
        first = next(iter(self._pages))
        oldest = self._pages[first]
        if self._count - len(oldest) < self._kept or any(map(self._is_needed, oldest)):
            return ()
        del self._pages[first]
        self._count -= len(oldest)
        return oldest

    def snapshot(self, name: str) -> dict[str, list[_T]]:
        """Return all pages by `name/number`; they are not to be changed."""
        return {f"{name}/{number}": page for number, page in self._pages.items()}

    def restore(self, name: str, pages: Mapping[str, Sequence[_T]]) -> None:
        """Become what `snapshot` returned under *name*; other names are left alone."""
        place = f"{name}/"
        mine = {
            int(key.removeprefix(place)): list(page)
            for key, page in pages.items()
            if key.startswith(place)
        }
        self._pages = dict(sorted(mine.items()))
        self._count = sum(map(len, mine.values()))
