"""Behaviour of opening a venue and waiting for it."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from attrs import frozen

from algopioneer_core.bootstrap.venues import open_venue, run_waiting
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.capabilities import Capabilities, FillReporting, IdempotentSubmit
from algopioneer_core.domain.errors import (
    ConfigError,
    PluginError,
    RefusedError,
    VenueUnavailable,
)
from algopioneer_core.plugins.specs import VenueSpec
from algopioneer_core.settings import option, secret

NO_SECRETS: Mapping[str, str] = {}


@frozen(kw_only=True)
class KioskConfig:
    page: int = option(100, help="Rows in an answer.")
    key: str = secret(environment="KIOSK_KEY", help="Key.")


class Kiosk:
    """A venue that does nothing; it says what it was opened with."""

    def __init__(self, config: KioskConfig) -> None:
        self.config = config
        self.is_open = True


@asynccontextmanager
async def kiosk(config: KioskConfig) -> AsyncIterator[Kiosk]:
    """Open a kiosk, with a task of its own as real venues have."""
    opened = Kiosk(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep_forever)
        yield opened
        tasks.cancel_scope.cancel()
    opened.is_open = False


def no_context(config: KioskConfig) -> Kiosk:
    """Forget that a venue is opened and closed."""
    return Kiosk(config)


@asynccontextmanager
async def mirror(config: KioskConfig, shadow: Kiosk) -> AsyncIterator[Kiosk]:
    """Open what shows another venue's markets: here it is that venue itself."""
    yield shadow


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve references to this module."""
    monkeypatch.setitem(sys.modules, "venues_here", sys.modules[__name__])


def _spec(**changes: Any) -> VenueSpec:
    about: dict[str, Any] = {
        "name": "kiosk",
        "summary": "s",
        "factory": "venues_here:kiosk",
        "config": "venues_here:KioskConfig",
        "capabilities": Capabilities(
            support={},
            absence_after_ns=1,
            idempotent_submit=IdempotentSubmit.ALWAYS,
            fill_reporting=FillReporting.SINGLE,
        ),
    }
    return VenueSpec(**{**about, **changes})


def test_venue_is_opened_with_its_settings_and_closed_again() -> None:
    """Settings come from its table, its key from the environment."""
    asked = Settings("venue.kiosk", {"page": 7})

    async def visit() -> Kiosk:
        async with open_venue(_spec(), asked, {"KIOSK_KEY": "hush"}) as venue:
            assert isinstance(venue, Kiosk)
            assert venue.is_open
            return venue

    venue = run_waiting(visit)

    assert KioskConfig(page=7, key="hush") == venue.config
    assert not venue.is_open


def test_wrong_setting_is_refused_before_anything_is_opened() -> None:
    """The place is the key in the venue's table."""
    with pytest.raises(ConfigError, match=r"venue\.kiosk\.pages: .*did you mean 'page'"):
        open_venue(_spec(), Settings("venue.kiosk", {"pages": 7}), NO_SECRETS)


def test_venue_that_is_not_available_is_not_opened() -> None:
    """Its factory is not even imported."""
    spec = _spec(factory="absent:absent", available=False, unavailable_reason="not written.")

    with pytest.raises(VenueUnavailable, match="not written"):
        open_venue(spec, Settings("venue.kiosk"), NO_SECRETS)


def test_factory_that_gives_no_context_is_the_plugins_fault() -> None:
    """The line says what to change."""
    spec = _spec(factory="venues_here:no_context")

    with pytest.raises(PluginError, match=r"returned Kiosk.*asynccontextmanager"):
        open_venue(spec, Settings("venue.kiosk"), NO_SECRETS)


def test_shadowing_venue_is_opened_over_the_other() -> None:
    """Its factory is handed the venue that is open already."""
    spec = _spec(factory="venues_here:mirror", shadows=True)
    shadow: Any = Kiosk(KioskConfig())

    async def visit() -> object:
        async with open_venue(spec, Settings("venue.kiosk"), NO_SECRETS, shadow=shadow) as venue:
            return venue

    assert run_waiting(visit) is shadow


@pytest.mark.parametrize(
    ("shadows", "message"), [(True, "needs another venue"), (False, "shadows no other venue")]
)
def test_shadow_is_given_exactly_where_it_is_needed(message: str, *, shadows: bool) -> None:
    """A paper account without markets, or a shadow that nobody looks at, is a mistake."""
    shadow: Any = None if shadows else Kiosk(KioskConfig())

    with pytest.raises(RefusedError, match=message):
        open_venue(_spec(shadows=shadows), Settings("venue.kiosk"), NO_SECRETS, shadow=shadow)


def _inside_a_venue(*errors: BaseException) -> None:
    """Fail in as many tasks as there are *errors*, inside an open venue."""

    async def fail(error: BaseException) -> None:
        raise error

    async def visit() -> None:
        async with (
            open_venue(_spec(), Settings("venue.kiosk"), NO_SECRETS),
            anyio.create_task_group() as tasks,
        ):
            for error in errors:
                tasks.start_soon(fail, error)

    run_waiting(visit)


def test_foreseen_failure_comes_out_of_the_venues_tasks_alone() -> None:
    """Whoever waits sees the error tree and no exception group."""
    with pytest.raises(RefusedError, match="no such market"):
        _inside_a_venue(RefusedError("no such market"))


def test_interruption_comes_out_as_an_interruption() -> None:
    """Ctrl-C is not an error of a venue, whatever else failed with it."""
    with pytest.raises(KeyboardInterrupt):
        _inside_a_venue(KeyboardInterrupt(), RefusedError("no such market"))


def test_defect_keeps_its_group_and_its_traceback() -> None:
    """A foreseen failure beside it must not hide it."""
    with pytest.raises(ExceptionGroup) as caught:
        _inside_a_venue(ZeroDivisionError("venue"), RefusedError("no such market"))

    assert caught.value.subgroup(ZeroDivisionError) is not None
