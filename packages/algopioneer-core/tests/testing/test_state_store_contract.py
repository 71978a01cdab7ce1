"""The contract of state stores finds what is wrong with one, case by case."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from algopioneer_core.ports import StateStore
from algopioneer_core.testing import contracts
from algopioneer_core.testing.contracts import OpenStore, StateStoreContract
from algopioneer_core.testing.state_stores import MemoryStateStore


def _opener(make: Callable[[], StateStore]) -> OpenStore:
    @asynccontextmanager
    async def opened() -> AsyncIterator[StateStore]:
        yield make()

    return opened


class TestMemory(StateStoreContract):
    """What was saved is handed from one store to the next."""

    @pytest.fixture
    def open_store(self) -> OpenStore:
        """Return what opens one over the same texts."""
        texts: dict[str, str] = {}
        return _opener(lambda: MemoryStateStore(texts))


class TestForgetting(StateStoreContract):
    """Each is a store of its own, and says so."""

    durable = False

    @pytest.fixture
    def open_store(self) -> OpenStore:
        """Return what opens a new one."""
        return _opener(MemoryStateStore)


class Sharing:
    """Keeps the very objects."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {}

    async def save(self, key: str, state: Mapping[str, object]) -> None:
        self.states[key] = state

    async def load(self, key: str) -> Mapping[str, object] | None:
        found: Mapping[str, object] | None = self.states.get(key)
        return found

    async def delete(self, key: str) -> None:
        self.states.pop(key, None)


class Merging(MemoryStateStore):
    """Puts a state over the one before."""

    async def save(self, key: str, state: Mapping[str, object]) -> None:
        await super().save(key, {**(await self.load(key) or {}), **state})


class Blunt(MemoryStateStore):
    """Tells keys apart without their case."""

    async def save(self, key: str, state: Mapping[str, object]) -> None:
        await super().save(key.lower(), state)

    async def load(self, key: str) -> Mapping[str, Any] | None:
        return await super().load(key.lower())


class Clinging(MemoryStateStore):
    """Brings back the state before the one that is deleted."""

    async def save(self, key: str, state: Mapping[str, object]) -> None:
        if key in self.texts:
            self.texts[f"{key} before"] = self.texts[key]
        await super().save(key, state)

    async def delete(self, key: str) -> None:
        await super().delete(key)
        if f"{key} before" in self.texts:
            self.texts[key] = self.texts[f"{key} before"]


class Empty(MemoryStateStore):
    """Takes an empty state for none."""

    async def load(self, key: str) -> Mapping[str, Any] | None:
        return await super().load(key) or None


class Lossy(MemoryStateStore):
    """Writes decimals as floats do."""

    async def save(self, key: str, state: Mapping[str, object]) -> None:
        await super().save(key, state)
        self.texts[key] = self.texts[key].replace("1.50", "1.5")


_CASES = StateStoreContract
_FAULTS: list[tuple[Callable[[], StateStore], Any]] = [
    (Lossy, _CASES.test_k01_a_saved_state_is_loaded_exactly),
    (Empty, _CASES.test_k02_nothing_kept_is_none),
    (Merging, _CASES.test_k03_the_last_state_replaces_the_others),
    (Blunt, _CASES.test_k04_keys_do_not_disturb_each_other),
    (Clinging, _CASES.test_k05_what_is_deleted_is_gone),
    (Sharing, _CASES.test_k06_a_state_is_kept_and_not_shared),
    (MemoryStateStore, _CASES.test_k08_states_outlive_the_store),
    (MemoryStateStore, _CASES.test_k09_a_cancelled_save_leaves_one_whole_state),
]


@pytest.mark.parametrize(("make", "case"), _FAULTS, ids=[each.__name__ for _, each in _FAULTS])
async def test_a_fault_fails_its_case(make: Callable[[], StateStore], case: Any) -> None:
    """And the store without it passes all of them."""
    with pytest.raises(AssertionError):
        await case(_CASES(), _opener(make))


async def test_a_store_that_takes_anything_fails_its_case() -> None:
    """It would find out when a restart needs the state."""
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await _CASES().test_k07_a_state_that_cannot_be_kept_is_refused(_opener(Sharing))


def test_a_failing_case_shows_what_it_compared() -> None:
    """The contracts' assertions are rewritten, as those of a test are."""
    for module in (contracts.state_stores, contracts.recorders, contracts.venue_orders):
        assert type(module.__loader__).__name__ == "AssertionRewritingHook"
