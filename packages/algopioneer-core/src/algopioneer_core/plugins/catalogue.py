"""Choosing by name among what the loaded plugins provide."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from algopioneer_core.domain.errors import PluginError
from algopioneer_core.plugins.specs import Spec
from algopioneer_core.settings import nearest

__all__ = ["Catalogue", "Provided"]

SpecT = TypeVar("SpecT", bound=Spec)

_KNOWN: Final = {
    "strategy": {"moving-average": "strategies"},
    "venue": {"alpaca": "alpaca", "coinbase": "coinbase", "kraken": "kraken"},
}
"""Names of the project's own plugins, and the plugin (`algopioneer-<plugin>`) that brings each."""


class Provided(NamedTuple, Generic[SpecT]):
    """A spec and where it came from."""

    spec: SpecT
    plugin: str
    origin: str
    """Distribution and version."""


class Catalogue(Generic[SpecT]):
    """
    All specs of one kind.

    Args:
        kind: What users call one: `strategy`.
        provided: What the plugins returned, in any order.
        absences: Sentences about plugins that could not be loaded or were not allowed, shown when
            a name is not found, by plugin name.
    """

    def __init__(
        self, kind: str, provided: Iterable[Provided[SpecT]], absences: dict[str, str]
    ) -> None:
        self.kind = kind
        self.conflicts: list[PluginError] = []
        self._absences = absences
        self._by_word: dict[str, Provided[SpecT]] = {}
        self._all: list[Provided[SpecT]] = []
        for item in sorted(provided, key=lambda p: (p.spec.name, p.origin)):
            self._add(item)

    def _add(self, item: Provided[SpecT]) -> None:
        words = (item.spec.name, *getattr(item.spec, "aliases", ()))
        for word in dict.fromkeys(_canonical(word) for word in words):
            other = self._by_word.setdefault(word, item)
            if other is not item:
                self.conflicts.append(self._conflict(word, other, item))
        self._all.append(item)

    def _conflict(self, word: str, one: Provided[SpecT], other: Provided[SpecT]) -> PluginError:
        return PluginError(
            f"{self.kind} {word!r} is provided by plugin {one.plugin!r} ({one.origin}) "
            f"and by plugin {other.plugin!r} ({other.origin})",
            where=f"{self.kind} {word!r}",
            remedy="uninstall one of them, or leave one out with ALGOPIONEER_PLUGINS",
        )

    def __iter__(self) -> Iterator[Provided[SpecT]]:
        return iter(self._all)

    @property
    def names(self) -> Sequence[str]:
        """The names, without aliases, sorted."""
        return [item.spec.name for item in self._all]

    def find(self, name: str) -> SpecT | None:
        """Return the spec called *name* (or one of its aliases), or None."""
        item = self._by_word.get(_canonical(name))
        return item.spec if item else None

    def get(self, name: str) -> SpecT:
        """
        Return the spec called *name*; `_` and `-`, upper and lower case are the same.

        Raises:
            PluginError: There is none; the message has the nearest name, or what to install.
        """
        spec = self.find(name)
        if spec is None:
            raise self._unknown(name)
        return spec

    def _unknown(self, name: str) -> PluginError:
        installed = ", ".join(self.names) or "none"
        return PluginError(
            f"no {self.kind} is named {name!r}; installed: {installed}", remedy=self._hint(name)
        )

    def _hint(self, name: str) -> str | None:
        known = _KNOWN.get(self.kind, {})
        word = _canonical(name)
        near = nearest(word, {*self._by_word, *known})
        if near in self._by_word:
            return f"did you mean {self._by_word[near].spec.name!r}?"
        if near is None:
            return "; ".join(self._absences.values()) or None
        plugin = known[near]
        missing = self._absences.get(plugin) or f"pip install algopioneer-{plugin}"
        return missing if near == word else f"did you mean {near!r}? {missing}"


def _canonical(name: str) -> str:
    return name.strip().lower().replace("_", "-")
