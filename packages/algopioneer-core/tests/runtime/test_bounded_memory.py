"""A session that trades for ever: what it remembers comes to rest."""

import gc
from collections import Counter
from decimal import Decimal
from functools import partial
from itertools import cycle
from typing import Final

import anyio
import pytest

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.rows import Row
from algopioneer_core.runtime import runner
from algopioneer_core.runtime.bar_intake import BarOrigin
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.simulation import pages, paper_exchange
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import Flipper, run_session, session_plan, strategy_plan

_GROWING: Final = (Row, RoundTrip, InstrumentId)
"""What the test's own disk and recorder keep; each round trip has an id of its own."""
_WARM, _LATER = 30, 60


async def _minute(venue: ReferenceVenue, clock: VirtualClock, price: int) -> None:
    """Quote *price* after the bar that ends now, and a moment later, when orders are there."""
    await anyio.sleep(60 - anyio.current_time() % 60)
    for _ in range(2):
        await wait_all_blocked()
        await anyio.sleep(1)
        now_ns, size = clock.now_ns(), Decimal(1_000)
        venue.push(Quote(BITCOIN.id, now_ns, Decimal(price), Decimal(price), size, size, now_ns))
    await wait_all_blocked()


def _kept() -> Counter[type]:
    """Return how many objects of our own classes there are, by class."""
    gc.collect()
    kinds = Counter(type(each) for each in gc.get_objects())
    ours = {kind: n for kind, n in kinds.items() if "algopioneer_core" in str(kind.__module__)}
    return Counter({kind: n for kind, n in ours.items() if kind not in _GROWING})


async def _traded_on(
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[list[Counter[type]], MemoryDisk, Session]:
    """Trade; return what was kept after a while and as many orders later, the disk, the session."""
    monkeypatch.setattr(runner, "OrderManager", partial(OrderManager, retained=8))
    monkeypatch.setattr(paper_exchange, "RETAINED", 16)
    monkeypatch.setattr(pages, "PAGE", 8)
    clock, stop, disk, seen = VirtualClock(), StopRequest(), MemoryDisk(), list[Session]()
    shadow = ReferenceVenue([BITCOIN], clock)
    venue = PaperVenue(PaperConfig(balances=("USD=1000000",)), shadow, [BITCOIN])
    strategies = (
        strategy_plan(
            name, lambda: Flipper(BITCOIN.id), BITCOIN, origins={BITCOIN.id: BarOrigin.QUOTES}
        )
        for name in ("one", "two")
    )
    plan = session_plan(*strategies, resume=Resume.WALLCLOCK)
    kept: list[Counter[type]] = []
    async with anyio.create_task_group() as tasks:
        run = partial(run_session, plan, venue, disk, stop=stop, clock=clock, watch=seen.append)
        tasks.start_soon(run)
        await wait_all_blocked()
        prices = cycle([100, 101])
        for minute in range(1, _LATER + 1):
            await _minute(shadow, clock, next(prices))
            if minute in (_WARM, _LATER):
                kept.append(_kept())
        assert sum(row.kind == EntryKind.INTENT.value for row in disk.rows(0)) > _LATER
        stop.ask("enough")
    return kept, disk, seen[0]


def _grown(kept: list[Counter[type]]) -> dict[type, int]:
    """Return of which classes there are more than before, but for a few."""
    return {kind: n for kind, n in (kept[1] - kept[0]).items() if n > 5}


@pytest.mark.slow
async def test_nothing_is_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many orders later there are not more objects of any class of ours, but for a few."""
    kept, disk, session = await _traded_on(monkeypatch)
    assert _grown(kept) == {}
    pages_saved = [row.name for row in disk.snapshots if row.name.startswith("venue:sim/")]
    assert len(pages_saved) <= 2 * 2 * (16 // 8 + 2)  # versions, lists, pages
    for each in session.floor.runners.values():
        assert each.engine.orders.remembered <= 8 + len(each.engine.orders.working)


@pytest.mark.slow
async def test_a_planted_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that keeps every order that has ended is told by the class it keeps."""
    leaked: list[Order] = []
    forget = OrderManager._forget

    def keep(self: OrderManager, client_order_id: str) -> None:
        leaked.append(self.get(client_order_id))
        forget(self, client_order_id)

    monkeypatch.setattr(OrderManager, "_forget", keep)
    kept, *_ = await _traded_on(monkeypatch)
    assert _grown(kept)[Order] > 20
