"""The saver writes states with the rows they belong to, and nothing when nothing happens."""

import anyio
import pytest

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.journal.codec import encode
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import Execution
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.saver import Saver
from algopioneer_core.simulation.pages import PAGE
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy
from algopioneer_core.testing.journal_storage import MemoryDisk, journal_on
from algopioneer_core.testing.paper import paper_over, play, sent
from algopioneer_core.testing.sessions import MINUTE_NS, strategy_plan

_AT_ONCE = 100


def _floor(saver: Saver) -> Floor:
    """Return a floor with the strategies `seeing` and `idle`, watched by *saver*."""
    risk = RiskGate(RiskLimits(), numeraire="USD")
    floor = Floor(
        saver,
        risk,
        make_ids=lambda name, first: order_ids("test", "test", name, start=first),
        jitter=lambda *_: 0.5,
        alarm=lambda *_, **__: None,
    )
    for name in ("seeing", "idle"):
        floor.supervision.start(floor.add(strategy_plan(name, ScriptedStrategy, BITCOIN)), 0)
    saver.watch(floor.runners, risk)
    return floor


def _last_bar(journal: Journal, name: str) -> int:
    found = journal.latest_snapshot(f"strategy:{name}")
    assert found is not None
    return int(found[1]["last_bar_ns"])


async def test_who_has_seen_something_is_saved_and_nobody_else() -> None:
    """A quiet market writes nothing, however long it is quiet."""
    async with journal_on(MemoryDisk()) as journal:
        saver = Saver(journal, {})
        floor = _floor(saver)
        saver.touch_quiet()
        await saver.flush()
        assert (0, 0) == (_last_bar(journal, "seeing"), _last_bar(journal, "idle"))

        floor.runners["seeing"].inbox.put(
            Bar(BITCOIN.id, MINUTE_NS, 10, 10, 10, 10, 1, 0, 0, MINUTE_NS)
        )
        floor.process(floor.runners["seeing"])
        saver.touch_quiet()
        assert {"seeing"} == set(saver.waiting)
        await saver.flush()
        assert (MINUTE_NS, 0) == (_last_bar(journal, "seeing"), _last_bar(journal, "idle"))

        saver.touch_quiet()
        assert () == saver.waiting


async def test_a_strategy_that_was_put_back_is_saved_anew() -> None:
    """Whoever has its name now is another, though both have seen nothing."""
    async with journal_on(MemoryDisk()) as journal:
        saver = Saver(journal, {})
        floor = _floor(saver)
        saver.touch_quiet()
        await saver.flush()

        floor.remove("idle")
        floor.add(strategy_plan("idle", ScriptedStrategy, BITCOIN))
        saver.touch_quiet()
        assert ("idle",) == saver.waiting


def _noting(journal: Journal) -> list[str]:
    """Return a list of the names of all snapshots that are put from now on."""
    written: list[str] = []
    put = journal.put_snapshot

    def note(name: str, sequence: int, state: object) -> None:
        written.append(name)
        put(name, sequence, state)

    journal.put_snapshot = note  # type: ignore[method-assign]  # only looks
    return written


async def test_a_gate_that_remembers_what_it_did_is_not_put_again() -> None:
    """Its state hardly ever changes, and goes with a commit where it has."""
    async with journal_on(MemoryDisk()) as journal:
        saver = Saver(journal, {})
        floor = _floor(saver)
        written = _noting(journal)
        for halt in (False, False, True, True):
            if halt:
                floor.risk.halt("by hand")
            saver.touch("idle")
            await saver.flush()
        assert 4 == written.count("strategy:idle")
        assert 2 == written.count("risk")
        saved = saver.saved_risk()
        assert saved is not None
        assert "by hand" == saved["session"]["halted"]


async def test_a_commit_puts_each_state_once() -> None:
    """Whatever is appended until its rows are taken, and in whatever order tasks run."""
    rounds = 20
    async with journal_on(MemoryDisk()) as journal:
        saver = Saver(journal, {})
        _floor(saver)
        written = _noting(journal)

        async def append() -> None:
            saver.append(Entry(EntryKind.ALERT, 1, "idle", "", None, {"subject": "a row"}))

        for _ in range(rounds):
            await append()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(append)
                tasks.start_soon(saver.flush)
            assert journal.committed == journal.last_sequence
        assert rounds == written.count("strategy:idle")
        saver.touch("idle")
        await saver.flush()  # what changed without a row has a commit of its own
        assert rounds + 1 == written.count("strategy:idle")


async def _trade(venue: PaperVenue, bar: int) -> None:
    """Show the account its next bar, and make many orders after it."""

    async def order(account: Execution) -> None:
        for number in range(_AT_ONCE):
            await account.submit(sent(f"{bar}-{number}", BITCOIN, Side.BUY))

    await play(venue, [BITCOIN], {bar + 1: [order]}, start=bar, most=1)


@pytest.mark.slow
async def test_a_paper_account_is_saved_by_the_pages_that_changed() -> None:
    """And restored as it was, when pages were filled, begun and dropped meanwhile."""
    bars, disk = 25, MemoryDisk()
    venue, twin = (paper_over({BITCOIN: [10] * bars}) for _ in range(2))
    async with journal_on(disk) as journal:
        saver = Saver(journal, {"sim": venue})
        _floor(saver)
        written = _noting(journal)
        for bar in range(bars):
            await _trade(venue, bar)
            saver.touch("seeing")
            await saver.flush()
        pages = [name for name in written if name.startswith("venue:sim/")]
        assert len(pages) <= 2 * bars * (_AT_ONCE // PAGE + 2)  # of each list, what it grew by
        names = journal.snapshot_names("venue:sim/")
        assert set(names) < set(pages)  # some were dropped
    async with journal_on(disk) as journal:
        saver = Saver(journal, {"sim": twin})
        saver.restore_venues()
        assert encode(twin.snapshot()) == encode(venue.snapshot())
        _floor(saver)
        saver.touch("seeing")
        before = journal.snapshot_names("venue:sim/")
        await saver.flush()
        assert before == journal.snapshot_names("venue:sim/") == names


async def test_who_is_taken_away_is_kept_as_it_was_last() -> None:
    """Its state goes to the disk with the rows that led to it, and no later one replaces it."""
    async with journal_on(MemoryDisk()) as journal:
        saver = Saver(journal, {})
        floor = _floor(saver)
        runner = floor.runners["seeing"]
        runner.inbox.put(Bar(BITCOIN.id, MINUTE_NS, 10, 10, 10, 10, 1, 0, 0, MINUTE_NS))
        floor.process(runner)
        saver.put_last(runner)
        floor.remove("seeing")
        await saver.flush()
        assert MINUTE_NS == _last_bar(journal, "seeing")
        saver.touch("seeing")
        await saver.flush()
        assert MINUTE_NS == _last_bar(journal, "seeing")
