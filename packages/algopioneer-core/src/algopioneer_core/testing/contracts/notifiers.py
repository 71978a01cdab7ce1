"""What every notifier must do; each case runs on trio and on asyncio."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import pytest

from algopioneer_core.domain.errors import VenueUnavailable
from algopioneer_core.ports import Alert, Notifier

__all__ = ["Delivered", "NotifierContract", "OpenNotifier"]

OpenNotifier: TypeAlias = Callable[[], AbstractAsyncContextManager[Notifier]]
"""Opens the notifier."""
Delivered: TypeAlias = Callable[[], Sequence[str]]
"""Returns what people were shown, one text for each alert, oldest first."""

_QUIET = Alert(0, "alpha was restarted", "third time today")
_URGENT = Alert(60_000_000_000, "alpha holds a position nobody manages", "close it", urgent=True)


@pytest.mark.anyio
class NotifierContract:
    """The cases. A subclass gives the fixtures; `cut_off` may skip where nothing can fail."""

    @pytest.fixture
    def open_notifier(self) -> OpenNotifier:
        """Return what opens the notifier under test."""
        raise NotImplementedError

    @pytest.fixture
    def delivered(self) -> Delivered:
        """Return what tells which texts arrived."""
        raise NotImplementedError

    @pytest.fixture
    def cut_off(self) -> Callable[[], None]:
        """Return what makes every delivery from now on fail."""
        raise NotImplementedError

    async def test_n01_people_see_what_happened_and_what_to_do(
        self, open_notifier: OpenNotifier, delivered: Delivered
    ) -> None:
        """N01: subject and text arrive."""
        async with open_notifier() as notifier:
            await notifier.notify(_QUIET)
            (shown,) = delivered()
        assert _QUIET.subject in shown
        assert _QUIET.text in shown

    async def test_n02_alerts_arrive_each_in_order(
        self, open_notifier: OpenNotifier, delivered: Delivered
    ) -> None:
        """N02: none is swallowed, not even one that is like the last."""
        alerts = (_QUIET, _URGENT, _QUIET, _QUIET)
        async with open_notifier() as notifier:
            for alert in alerts:
                await notifier.notify(alert)
            shown = delivered()
        assert len(alerts) == len(shown)
        assert all(alert.subject in text for alert, text in zip(alerts, shown, strict=True))

    async def test_n03_urgency_can_be_seen(
        self, open_notifier: OpenNotifier, delivered: Delivered
    ) -> None:
        """N03: the same alert does not look the same when it is urgent."""
        calm = Alert(_URGENT.ts_ns, _URGENT.subject, _URGENT.text)
        async with open_notifier() as notifier:
            await notifier.notify(_URGENT)
            await notifier.notify(calm)
            urgent, plain = delivered()
        assert urgent != plain

    async def test_n04_a_failed_delivery_is_said(
        self, open_notifier: OpenNotifier, delivered: Delivered, cut_off: Callable[[], None]
    ) -> None:
        """N04: the caller must know, to log it and to try another way."""
        async with open_notifier() as notifier:
            cut_off()
            with pytest.raises(VenueUnavailable):
                await notifier.notify(_URGENT)
        assert list(delivered()) == []
