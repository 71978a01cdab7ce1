"""People ask a running session for things; each request is obeyed, journalled and answered."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from attrs import define

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import Bar, Quote
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.journal.control import ControlAction, ControlBox, ControlRequest
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.errors import JournalError
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy, wishing_at_bar
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import (
    RunningSession,
    running_session,
    session_plan,
    strategy_plan,
)

BUY = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(1))
RELOAD = ControlAction.RELOAD


class _Box(ControlBox):
    """A box whose file fails while a test wants it to."""

    cannot_be_read = cannot_be_written = False

    def pending(self) -> Sequence[ControlRequest]:
        """Return the requests, or fail."""
        if self.cannot_be_read:
            raise JournalError("requests cannot be read", where="the box")
        return super().pending()

    def answer(self, number: int, text: str) -> None:
        """Answer, or fail."""
        if self.cannot_be_written:
            raise JournalError("answers cannot be written", where="the box")
        super().answer(number, text)


@define
class _Desk:
    """A session of two strategies, one of which buys at its first bar, and the requests to it."""

    box: _Box
    venue: ReferenceVenue
    running: RunningSession

    async def ask(
        self, action: ControlAction, strategy: str | None = None, reason: str = ""
    ) -> str | None:
        """Leave a request, give it time, and return the answer."""
        number = self.box.request(action, ts_ns=1, strategy=strategy, reason=reason)
        await anyio.sleep(2)
        await wait_all_blocked()
        return self.box.answer_to(number)

    def halted(self, strategy: str) -> str | None:
        """Return why a strategy is halted."""
        assert self.running.session is not None
        return self.running.session.floor.risk.halted(strategy)

    async def bar(self) -> None:
        """Let a bar and a price come by."""
        now_ns, price, size = VirtualClock().now_ns(), Decimal(100), Decimal(1_000)
        self.venue.push(Bar(BITCOIN.id, now_ns, 10_000, 10_000, 10_000, 10_000, 0, 2, 0, now_ns))
        self.quote(now_ns, price, size)
        await anyio.sleep(1)
        self.quote(VirtualClock().now_ns(), price, size)
        await anyio.sleep(1)

    def quote(self, now_ns: int, price: Decimal, size: Decimal) -> None:
        """Let a price come by."""
        self.venue.push(Quote(BITCOIN.id, now_ns, price, price, size, size, now_ns))


@asynccontextmanager
async def _desk(folder: Path) -> AsyncIterator[_Desk]:
    config = PaperConfig(balances=("USD=100000",), slippage_bps=Decimal(0))
    venue = ReferenceVenue([BITCOIN], VirtualClock(), config=config)
    plan = session_plan(
        strategy_plan("buys", lambda: wishing_at_bar(1, BUY), BITCOIN),
        strategy_plan("looks", ScriptedStrategy, BITCOIN),
        resume=Resume.WALLCLOCK,
    )
    with _Box(folder / "session.journal") as box:
        async with running_session(plan, venue, MemoryDisk(), control=box) as running:
            await anyio.sleep(60 - anyio.current_time())
            yield _Desk(box, venue, running)


async def test_one_strategy_is_halted_and_resumed_by_name(tmp_path: Path) -> None:
    """With the reason that was given; the other goes on. Both requests are in the journal."""
    async with _desk(tmp_path) as desk:
        halted = await desk.ask(ControlAction.HALT, "buys", "lunch")
        assert halted == "done: halt buys"
        assert (desk.halted("buys"), desk.halted("looks")) == ("lunch", None)

        assert await desk.ask(ControlAction.RESUME, "buys") == "done: resume buys"
        assert desk.halted("buys") is None

    assert desk.running.ran is not None
    asked = [each.entry for each in desk.running.ran.rows if each.entry.kind is EntryKind.CONTROL]
    assert [(each.strategy, each.body["action"], each.body["reason"]) for each in asked] == [
        ("buys", "halt", "lunch"),
        ("buys", "resume", ""),
    ]


async def test_a_note_is_kept_and_changes_nothing(tmp_path: Path) -> None:
    """Who reads the journal later finds why something was done."""
    async with _desk(tmp_path) as desk:
        assert await desk.ask(ControlAction.NOTE, reason="a better pair") == (
            "done: note all strategies"
        )
        assert [desk.halted(name) for name in ("buys", "looks")] == [None, None]
    assert desk.running.ran is not None
    (kept,) = [row.entry for row in desk.running.ran.rows if row.entry.kind is EntryKind.CONTROL]
    assert ("note", "a better pair") == (kept.body["action"], kept.body["reason"])


async def test_who_wants_to_know_of_a_file_is_left_to_whoever_reads_it(tmp_path: Path) -> None:
    """It is neither answered nor kept here."""
    async with _desk(tmp_path) as desk:
        assert await desk.ask(RELOAD) is None
    assert desk.running.ran is not None
    assert all(row.entry.kind is not EntryKind.CONTROL for row in desk.running.ran.rows)


async def test_a_request_without_a_name_means_all_of_them(tmp_path: Path) -> None:
    """Without a reason it says that a hand did it."""
    async with _desk(tmp_path) as desk:
        assert await desk.ask(ControlAction.HALT) == "done: halt all strategies"
        assert [desk.halted(name) for name in ("buys", "looks")] == ["asked for by hand"] * 2


async def test_a_name_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    """Nothing is journalled."""
    async with _desk(tmp_path) as desk:
        answer = await desk.ask(ControlAction.HALT, "byus")
        assert answer == "there is no strategy 'byus'; there are: buys, looks"
    assert desk.running.ran is not None
    assert all(each.entry.kind is not EntryKind.CONTROL for each in desk.running.ran.rows)


async def test_flatten_closes_what_is_held_and_opens_nothing_more(tmp_path: Path) -> None:
    """The position is gone at the venue, and the strategy is halted."""
    async with _desk(tmp_path) as desk:
        await desk.bar()
        held = desk.running.engine("buys").portfolio.quantity
        assert held(BITCOIN.id) == 1

        assert await desk.ask(ControlAction.FLATTEN, "buys", "enough") == "done: flatten buys"
        await desk.bar()

        assert held(BITCOIN.id) == 0
        assert desk.halted("buys") == "enough"
        assert desk.venue.books.account.positions().get(BITCOIN.id, 0) == 0


async def test_requests_that_cannot_be_read_are_told_once_and_obeyed_later(tmp_path: Path) -> None:
    """The session trades on; once the file is there again, so is the request."""
    async with _desk(tmp_path) as desk:
        desk.box.cannot_be_read = True
        number = desk.box.request(ControlAction.HALT, ts_ns=1, strategy="looks")
        await anyio.sleep(5)
        assert desk.box.answer_to(number) is None

        desk.box.cannot_be_read = False
        await anyio.sleep(2)
        assert desk.box.answer_to(number) == "done: halt looks"

    subjects = desk.running.notes.subjects
    assert subjects.count("requests to this session cannot be read") == 1


async def test_a_request_that_cannot_be_answered_is_obeyed_once(tmp_path: Path) -> None:
    """It stays in the file, and is not obeyed a second time."""
    async with _desk(tmp_path) as desk:
        desk.box.cannot_be_written = True
        assert await desk.ask(ControlAction.HALT, "looks") is None
        await anyio.sleep(5)
        assert desk.halted("looks") is not None

    assert desk.running.notes.subjects.count("a request cannot be answered") == 1


@pytest.mark.parametrize("action", [each for each in ControlAction if each is not RELOAD])
async def test_what_was_asked_before_the_start_is_obeyed_at_the_start(
    tmp_path: Path, action: ControlAction
) -> None:
    """Before a strategy sees its first bar."""
    with ControlBox(tmp_path / "session.journal") as early:
        number = early.request(action, ts_ns=1, strategy="buys")
        async with _desk(tmp_path) as desk:
            await desk.bar()
            held = desk.running.engine("buys").portfolio.quantity(BITCOIN.id)
        assert early.answer_to(number) == f"done: {action.value} buys"
    assert held == (1 if action in (ControlAction.RESUME, ControlAction.NOTE) else 0)
