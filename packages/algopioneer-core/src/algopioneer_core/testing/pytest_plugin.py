"""
Fixtures that pytest finds by itself wherever algopioneer-core is installed.

They change nothing until a test asks for them. To run all `async def` tests of a folder on both
backends in virtual time, set `anyio_mode = "auto"` and write in its `conftest.py`:

    @pytest.fixture
    def anyio_backend(virtual_backend):
        return virtual_backend
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from algopioneer_core.testing.clocks import VirtualClock

__all__ = ["virtual_backend", "virtual_clock"]

# A failing case of a contract shows the two values, as an author's own test would; pytest does that
# by itself only for what lies in the installed files of a plugin, not for one installed in place.
pytest.register_assert_rewrite("algopioneer_core.testing.contracts")


@pytest.fixture(params=["trio", "asyncio"])
def virtual_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Each backend of anyio in turn, with a virtual clock that starts at zero."""
    from algopioneer_core.testing.clocks import virtual_time_backend

    return virtual_time_backend(request.param)


@pytest.fixture
def virtual_clock() -> "VirtualClock":
    """The `Clock` port in virtual time; it starts at 2024-01-01T00:00:00Z."""
    from algopioneer_core.testing.clocks import VirtualClock

    return VirtualClock()
