"""
What every state store must do.

    class TestOurs(StateStoreContract):
        @pytest.fixture
        def open_store(self, tmp_path):
            return lambda: open_our_store(tmp_path / "states")

Every case runs on trio and on asyncio, through the pytest plugin of anyio.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, ClassVar, Final, TypeAlias

import anyio
import pytest

from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.ports import StateStore

__all__ = ["OpenStore", "StateStoreContract"]

OpenStore: TypeAlias = Callable[[], AbstractAsyncContextManager[StateStore]]
"""Opens the store on the same place each time."""

_BAR: Final = Bar(InstrumentId("sim", "A"), 2**62, 100, 120, 90, 110, 7, 2, 0, 2**62)
_STATE: Final[dict[str, Any]] = {
    "price": Decimal("1.50"),
    "bars": [_BAR],
    "nested": {"": None, "yes": True, "large": 2**62, "text": "naïve\n\U0001f680"},
}
_KEYS: Final = ("alpha", "alpha:1", "alpha/1", "Alpha", "a b", "ключ", "risk", "session", "")
"""Among them those of what a session keeps of itself."""


@pytest.mark.anyio
class StateStoreContract:
    """
    The cases. A subclass gives the fixture `open_store`.

    K08 and K09 are for what outlives the process; a store that does not says `durable = False`.
    """

    durable: ClassVar[bool] = True
    """Whether what was saved is there after the store was closed and opened again."""

    @pytest.fixture
    def open_store(self) -> OpenStore:
        """Return what opens the store under test, on the same place each time."""
        raise NotImplementedError

    @pytest.fixture
    def _lasting(self) -> None:
        if not self.durable:
            pytest.skip("declared not durable")

    async def test_k01_a_saved_state_is_loaded_exactly(self, open_store: OpenStore) -> None:
        """K01: JSON values and objects of the domain come back as they were, digits and all."""
        async with open_store() as store:
            await store.save("alpha", _STATE)
            found = await store.load("alpha")
        assert found == _STATE
        assert str(found["price"]) == "1.50"

    async def test_k02_nothing_kept_is_none(self, open_store: OpenStore) -> None:
        """K02: a key that was never saved has no state; an empty state is one."""
        async with open_store() as store:
            assert await store.load("alpha") is None
            await store.save("alpha", {})
            assert await store.load("alpha") == {}

    async def test_k03_the_last_state_replaces_the_others(self, open_store: OpenStore) -> None:
        """K03: wholly; nothing of an earlier state shines through."""
        async with open_store() as store:
            await store.save("alpha", _STATE)
            for number in range(4):
                await store.save("alpha", {"number": number})
                assert await store.load("alpha") == {"number": number}

    async def test_k04_keys_do_not_disturb_each_other(self, open_store: OpenStore) -> None:
        """K04: whatever text they are."""
        async with open_store() as store:
            for number, key in enumerate(_KEYS):
                await store.save(key, {"number": number})
            await store.delete(_KEYS[0])
            found = [await store.load(key) for key in _KEYS]
        assert found == [None, *({"number": number} for number in range(1, len(_KEYS)))]

    async def test_k05_what_is_deleted_is_gone(self, open_store: OpenStore) -> None:
        """K05: all of it; deleting once more is no error, and the key can be used again."""
        async with open_store() as store:
            for number in range(3):
                await store.save("alpha", {"number": number})
            for _ in range(2):
                await store.delete("alpha")
                assert await store.load("alpha") is None
            await store.save("alpha", {"number": 7})
            assert await store.load("alpha") == {"number": 7}

    async def test_k06_a_state_is_kept_and_not_shared(self, open_store: OpenStore) -> None:
        """K06: changing what was handed in, or what was loaded, changes nothing that is kept."""
        state: dict[str, Any] = {"seen": [1]}
        async with open_store() as store:
            await store.save("alpha", state)
            state["seen"].append(2)
            loaded: Any = await store.load("alpha")
            loaded["seen"].append(3)
            assert await store.load("alpha") == {"seen": [1]}

    async def test_k07_a_state_that_cannot_be_kept_is_refused(self, open_store: OpenStore) -> None:
        """K07: with an error of the tree, and the one before it stays."""
        async with open_store() as store:
            await store.save("alpha", {"number": 1})
            for bad in ({"set": {1, 2}}, {"object": object()}, {"number": float("nan")}):
                with pytest.raises(AlgopioneerError):
                    await store.save("alpha", bad)
            assert await store.load("alpha") == {"number": 1}

    @pytest.mark.usefixtures("_lasting")
    async def test_k08_states_outlive_the_store(self, open_store: OpenStore) -> None:
        """K08: the last of each key, and what was deleted stays deleted."""
        async with open_store() as store:
            for key in ("alpha", "beta"):
                await store.save(key, {"number": 1})
            await store.save("alpha", _STATE)
            await store.delete("beta")
        async with open_store() as store:
            assert await store.load("alpha") == _STATE
            assert await store.load("beta") is None

    @pytest.mark.usefixtures("_lasting")
    async def test_k09_a_cancelled_save_leaves_one_whole_state(self, open_store: OpenStore) -> None:
        """K09: the old or the new one, also after a restart; saving again works."""
        old, new = {"number": 1}, {"number": 2}
        async with open_store() as store:
            await store.save("alpha", old)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await store.save("alpha", new)
            assert await store.load("alpha") in (old, new)
        async with open_store() as store:
            assert await store.load("alpha") in (old, new)
            await store.save("alpha", new)
            assert await store.load("alpha") == new

    async def test_k10_tasks_may_share_it(self, open_store: OpenStore) -> None:
        """K10: each key has its own state at the end; one that several save has one of theirs."""
        async with open_store() as store:
            async with anyio.create_task_group() as tasks:
                for number in range(8):
                    tasks.start_soon(store.save, f"alpha:{number}", {"number": number})
                    tasks.start_soon(store.save, "shared", {"number": number, "same": number})
            for number in range(8):
                assert await store.load(f"alpha:{number}") == {"number": number}
            shared: Any = await store.load("shared")
        assert shared["number"] == shared["same"]
