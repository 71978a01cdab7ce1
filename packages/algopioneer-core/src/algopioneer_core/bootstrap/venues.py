"""
Opening a venue: the one way from its name to a `Venue`, for history and for live trading alike.

`open_venue` decides nothing about event loops; `run_waiting` is how a command that is not
asynchronous itself waits for one.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from algopioneer_core.bootstrap.components import component_config
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import (
    AlgopioneerError,
    PluginError,
    RefusedError,
    VenueUnavailable,
)
from algopioneer_core.plugins.requirements import require_available
from algopioneer_core.plugins.specs import VenueSpec
from algopioneer_core.ports import Venue

__all__ = ["made_venue", "open_venue", "opened_within", "run_waiting"]

T = TypeVar("T")


def open_venue(
    spec: VenueSpec,
    asked: Settings,
    environment: Mapping[str, str],
    *,
    shadow: Venue | None = None,
) -> AbstractAsyncContextManager[Venue]:
    """
    Return *spec*'s venue, opened when the context is entered and closed when it is left.

    Everything that can be checked without the venue is checked before this returns.

    Args:
        spec: The venue, as its plugin declares it.
        asked: Its settings: the table `[venue.NAME]` of a configuration file.
        environment: Where its secrets are read from: `os.environ`.
        shadow: The open venue whose markets it shows, where *spec* says that it shadows one.

    Raises:
        VenueUnavailable: It cannot be used in this release.
        ConfigError: A setting is unknown, missing or wrong.
        PluginError: It cannot be loaded, or its factory gives no async context manager.
        RefusedError: It shadows a venue and none is given, or the other way round.
    """
    require_available(spec)
    _check_shadow(spec, shadow)
    return made_venue(spec, component_config(spec, asked, environment), shadow=shadow)


def made_venue(
    spec: VenueSpec, config: Any, *, shadow: Venue | None = None
) -> AbstractAsyncContextManager[Venue]:
    """
    Return what *spec*'s factory makes of a *config* that has been checked.

    Raises:
        PluginError: It cannot be loaded, or its factory gives no async context manager.
    """
    factory = spec.load_factory()
    opened: object = factory(config, shadow) if spec.shadows else factory(config)
    if not isinstance(opened, AbstractAsyncContextManager):
        raise PluginError(
            f"its factory returned {type(opened).__name__}, which is no async context manager",
            where=f"venue {spec.name!r}",
            remedy="decorate the factory with contextlib.asynccontextmanager",
        )
    return opened


@asynccontextmanager
async def opened_within(
    opening: AbstractAsyncContextManager[Venue], seconds: float, name: str
) -> AsyncIterator[Venue]:
    """
    Open a venue for the length of a block, and give up after some *seconds* of waiting for it.

    Raises:
        VenueUnavailable: It took longer; names the venue.
    """
    import anyio

    with anyio.move_on_after(seconds) as scope:
        async with opening as venue:
            scope.deadline = math.inf
            yield venue
    if scope.cancelled_caught:
        raise VenueUnavailable(f"no answer within {seconds:g} s", where=f"venue {name!r}")


def _check_shadow(spec: VenueSpec, shadow: Venue | None) -> None:
    if spec.shadows is (shadow is not None):
        return
    raise RefusedError(
        f"venue {spec.name!r} needs another venue to shadow"
        if spec.shadows
        else f"venue {spec.name!r} shadows no other venue",
        where=f"venue {spec.name!r}",
        remedy="name the venue whose markets it is to show"
        if spec.shadows
        else "open it by itself",
    )


def run_waiting(wait: Callable[[], Awaitable[T]], *, backend: str = "trio") -> T:
    """
    Run *wait* in an event loop of its own (trio unless said otherwise) and return what it returns.

    A venue keeps tasks of its own, so what fails inside it may arrive in an exception group: a
    foreseen failure, or the user's Ctrl-C, is taken out of it.

    Raises:
        AlgopioneerError: The first foreseen failure.
    """
    import anyio  # with trio a third of a second, which most commands need not wait for

    try:
        return anyio.run(wait, backend=backend)
    except BaseExceptionGroup as group:
        told = _told_by(group)
        if told is None:
            raise
        raise told from None


def _told_by(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """Return the one failure to tell the user about; None where there is a defect among them."""
    interrupted, _ = group.split(KeyboardInterrupt)
    if interrupted is not None:
        return KeyboardInterrupt()
    foreseen, defects = group.split(AlgopioneerError)
    return None if foreseen is None or defects is not None else _first(foreseen)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
