"""A replayed session is the backtest, and after any kill it is the uninterrupted run."""

from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.errors import JournalFailed
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.testing.backtests import RowsSink, bars_of
from algopioneer_core.testing.clocks import virtual_time_backend
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.sessions import (
    MINUTE_NS,
    Flipper,
    Ran,
    SpreadFlipper,
    journal_rows,
    run_session,
    session_plan,
    strategy_plan,
    with_plan,
)

_A, _B = (Instrument.undescribed(InstrumentId("replay", name)) for name in "AB")


def _rows(seed: int, count: int) -> list[tuple[int, int, int, int]]:
    chance, close, rows = Random(seed), 10_000, []
    for _ in range(count):
        start, close = close, close + chance.randint(-60, 60)
        rows.append((start, max(start, close) + 5, min(start, close) - 5, close))
    return rows


def _venue(count: int = 48) -> PaperVenue:
    sources = [
        ColumnsSource(bars_of(each.id, _rows(seed, count))) for seed, each in enumerate((_A, _B))
    ]
    config = PaperConfig(balances=("USD=30000",))
    return PaperVenue(config, ReplayVenue("replay", [_A, _B], sources), [_A, _B])


def _plan(**terms: Any) -> SessionPlan:
    return session_plan(
        strategy_plan("flip", lambda: Flipper(_A.id, quantity="10"), _A),
        strategy_plan("pair", lambda: SpreadFlipper(_A.id, _B.id), _A, _B),
        **{"snapshot_every": 25} | terms,
    )


@pytest.fixture(scope="module")
def whole() -> Ran:
    """The session without a kill; its hours pass in virtual time."""
    backend, options = virtual_time_backend("trio")
    return anyio.run(run_session, _plan(), _venue(), backend=backend, backend_options=options)


def _alike(first: Ran, second: Ran) -> None:
    assert first.fills() == second.fills()
    assert first.trades() == second.trades()
    assert first.result is not None
    assert second.result is not None
    assert first.result.equity == second.result.equity


async def test_a_replayed_session_is_the_backtest() -> None:
    """The same bars, fills and costs: the same trades and the same final equity."""
    ran = await run_session(
        session_plan(strategy_plan("flip", lambda: Flipper(_A.id, quantity="10"), _A)), _venue()
    )
    sink, config = RowsSink(), PaperConfig(balances=("USD=30000",))
    run_backtest(
        BacktestRequest(
            name="flip",
            make_strategy=lambda: Flipper(_A.id, quantity="10"),
            instrument=_A,
            source=ColumnsSource(bars_of(_A.id, _rows(0, 48))),
            config=config.simulation(),
        ),
        [sink],
    )

    ended = [trip for _, trip in ran.trades()]
    assert len(ended) > 5
    assert ended == [each for each in sink.trades if each.exit_reason != "end_of_data"]
    assert ran.result is not None
    assert ran.result.reason == "the feed has ended"


async def test_recorders_have_every_trade() -> None:
    """What the journal has is what was recorded."""
    ran = await run_session(_plan(), _venue())

    assert ran.notes.trades == dict(ran.trades())
    assert {key.split(":")[0] for key in ran.notes.trades} == {"flip", "pair"}


async def test_the_same_session_has_the_same_journal() -> None:
    """Row by row, on either backend."""
    first, second = await run_session(_plan(), _venue()), await run_session(_plan(), _venue())

    assert [each.hash for each in first.rows[1:]] == [each.hash for each in second.rows[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("keep_last", [False, True])
@pytest.mark.parametrize("cuts", [*([n] for n in range(0, 36, 5)), [2, 3, 5], [7, 1, 9]], ids=repr)
async def test_a_killed_session_goes_on_as_if_nothing_had_been(
    whole: Ran, cuts: list[int], keep_last: bool
) -> None:
    """Power cuts at any commit: each fill and trade once, equity the same, to the last digit."""
    disk = MemoryDisk(keep_last=keep_last)
    for commit in cuts:
        disk.cut_power_in = commit
        with pytest.raises(JournalFailed):
            await run_session(_plan(), _venue(), disk)
    disk.cut_power_in = None

    _alike(whole, await run_session(_plan(), _venue(), disk))


async def test_a_session_that_was_stopped_goes_on_where_it_was(whole: Ran) -> None:
    """A stop leaves what is open in the snapshot; the next start takes it up."""
    disk, stop = MemoryDisk(), StopRequest()
    part = await run_session(_plan(run_for_ns=20 * MINUTE_NS), _venue(), disk, stop=stop)
    assert part.result is not None
    assert part.result.reason == "the time is over"

    again = await run_session(_plan(), _venue(), disk)

    assert len(part.fills()) < len(again.fills())
    _alike(whole, again)


async def test_a_finished_session_has_nothing_left_to_do() -> None:
    """Started again, it ends at once and changes nothing."""
    disk = MemoryDisk()
    whole = await run_session(_plan(), _venue(), disk)
    again = await run_session(_plan(), _venue(), disk)

    _alike(whole, again)


@pytest.mark.parametrize("commits", [3, 1_000])
async def test_another_configuration_is_refused(commits: int) -> None:
    """With a snapshot or without one: what is derived again must not change."""
    disk = MemoryDisk(cut_power_in=commits)
    if commits == 3:
        with pytest.raises(JournalFailed):
            await run_session(_plan(snapshot_every=10_000), _venue(), disk)
    else:
        await run_session(_plan(), _venue(), disk)
    disk.cut_power_in = None
    with pytest.raises(RefusedError, match="not those that the journal was written with"):
        await run_session(with_plan(_plan(), "flip", fingerprint="other"), _venue(), disk)


async def test_a_venue_that_does_not_stand_still_has_no_cursor() -> None:
    """Two venues, or one in real time, cannot be resumed by cursor."""
    with pytest.raises(RefusedError, match="one replayed venue"):
        await run_session(_plan(), [])


async def test_a_full_disk_ends_the_session_with_nothing_sent_after_it() -> None:
    """The intent that could not be written was never sent, and people hear of the end."""
    disk = MemoryDisk(commits_left=6)
    venue, sent = _venue(), list[str]()
    submit = venue.execution.submit

    async def watched(order: Any) -> None:
        sent.append(order.client_order_id)
        await submit(order)

    venue.execution.submit = watched  # type: ignore[method-assign]  # to count
    ran: list[Session] = []
    with pytest.raises(JournalFailed):
        await run_session(_plan(), venue, disk, watch=ran.append)
    disk.commits_left = None
    rows = await journal_rows(disk)

    written = {each.entry.key for each in rows if each.entry.kind is EntryKind.INTENT}
    assert set(sent) <= written
    assert sent


async def _flattened(journal: Path, disk: MemoryDisk, *, ask: bool) -> Ran:
    """Run a session in which somebody asks for a flattening."""
    box = ControlBox(journal)
    if ask:
        box.request(ControlAction.FLATTEN, ts_ns=0, strategy="flip", reason="enough")
    try:
        return await run_session(_plan(), _venue(), disk, control=box)
    finally:
        box.close()


@pytest.mark.slow
@pytest.mark.parametrize("commit", range(2, 34, 8))
async def test_a_request_is_obeyed_at_the_same_place_after_a_kill(
    tmp_path: Path, commit: int
) -> None:
    """What people asked for is part of what is derived again."""

    whole = await _flattened(tmp_path / "whole", MemoryDisk(), ask=True)
    disk = MemoryDisk(cut_power_in=commit)
    with pytest.raises(JournalFailed):
        await _flattened(tmp_path / "killed", disk, ask=True)
    disk.cut_power_in = None
    again = await _flattened(tmp_path / "killed", disk, ask=False)

    _alike(whole, again)
    assert not [key for key, _ in again.trades() if key.startswith("flip")]
