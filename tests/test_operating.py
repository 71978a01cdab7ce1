"""People ask a running session for things; kills and restarts in between change nothing."""

import shutil
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.session_config import CheckedSession, check_session
from algopioneer_core.config.session import read_session
from algopioneer_core.domain.events import OrderFilled, RiskHalted
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.journal.errors import JournalError
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.status import SessionStatus, StrategyState, session_status
from algopioneer_core.telemetry.events import LogEvent
from tests.virtual_sessions import rows_of, run_virtually

BARS = Path(__file__).resolve().parent.parent / "examples/data/made-up-1h.csv"
SESSION = """
[session]
resume = "{resume}"

[venue.replay]
data = ["{bars}"]
symbols = ["DEMO-USD"]
speed = "3600"                     # a bar each second of virtual time

[venue.replay.paper]
balances = ["USD=10000"]

[[strategy]]
kind = "moving-average"
name = "fast"
instruments = ["DEMO-USD"]
capital = 5000
short_window = 6
long_window = 24

[[strategy]]
kind = "moving-average"
name = "slow"
instruments = ["DEMO-USD"]
capital = 5000
short_window = 12
long_window = 48

[risk]
daily_loss_fraction = "off"
"""
DEMO = InstrumentId("replay", "DEMO-USD")


class Killed(Exception):
    """The end of a session that did not end by itself."""


def _checked(folder: Path, resume: str = "cursor") -> CheckedSession:
    path = folder / "run.toml"
    path.write_text(SESSION.format(resume=resume, bars=BARS), "utf-8")
    return check_session(read_session(path, {}), load_host())


def _of(rows: list[StoredEntry], kind: EntryKind) -> list[StoredEntry]:
    return [row for row in rows if row.entry.kind is kind]


def _said(rows: list[StoredEntry]) -> list[tuple[object, ...]]:
    """Return rows without their sequences: a second start is a row of its own."""
    return [(each.ts_ns, each.strategy, each.key, each.body) for each in (r.entry for r in rows)]


def _signed(report: OrderFilled) -> Decimal:
    quantity = report.fill.quantity
    return quantity if report.fill.side is Side.BUY else -quantity


def _copy(folder: Path, to: Path) -> None:
    """Take what a power cut would leave: the files as they are on the disk now."""
    to.mkdir()
    for file in folder.glob("paper.journal*"):
        if not file.name.endswith(".lock"):
            shutil.copy(file, to / file.name)


async def test_requests_are_obeyed_again_at_their_places_after_a_kill(tmp_path: Path) -> None:
    """A halt and its end are part of the stretch that a replayed session derives again."""
    folder, killed = tmp_path / "run", tmp_path / "killed"
    folder.mkdir()

    async def operate(_: Session, box: ControlBox) -> None:
        await anyio.sleep(60)
        box.request(ControlAction.HALT, ts_ns=1, reason="lunch")
        await anyio.sleep(200)
        box.request(ControlAction.RESUME, ts_ns=2)
        await anyio.sleep(100)
        _copy(folder, killed)

    whole = await run_virtually(folder, _checked(folder), operate)
    again = await run_virtually(killed, _checked(killed))

    assert whole.equity == again.equity
    kinds = (EntryKind.CONTROL, EntryKind.INTENT, EntryKind.TRADE, EntryKind.DENIED)
    for kind in kinds:
        assert _said(_of(await rows_of(folder), kind)) == _said(_of(await rows_of(killed), kind))
    halt, resume = _of(await rows_of(killed), EntryKind.CONTROL)
    assert "lunch" == halt.entry.body["reason"]
    assert 60 <= halt.entry.body["place"] <= 62
    assert 260 <= resume.entry.body["place"] <= 262


async def test_nothing_is_opened_between_halt_and_resume(tmp_path: Path) -> None:
    """Orders that raise exposure are denied and journalled; what reduces passes."""

    async def operate(_: Session, box: ControlBox) -> None:
        await anyio.sleep(60)
        box.request(ControlAction.HALT, ts_ns=1)

    await run_virtually(tmp_path, _checked(tmp_path), operate)

    rows = await rows_of(tmp_path)
    (halt,) = _of(rows, EntryKind.CONTROL)
    later = [row.entry.body for row in _of(rows, EntryKind.INTENT) if row.sequence > halt.sequence]
    assert all(order.intent.reduce_only for order in later)
    assert [row for row in _of(rows, EntryKind.DENIED) if row.sequence > halt.sequence]


async def test_a_halt_asked_for_while_nothing_ran_holds_from_the_start(tmp_path: Path) -> None:
    """The request lies beside the journal until a session starts."""
    with ControlBox(tmp_path / "paper.journal") as box:
        number = box.request(ControlAction.HALT, ts_ns=1)
        result = await run_virtually(tmp_path, _checked(tmp_path))
        assert "done: halt all strategies" == box.answer_to(number)

    assert 0 == result.trades
    assert [] == _of(await rows_of(tmp_path), EntryKind.INTENT)


async def test_status_says_how_a_session_stands(tmp_path: Path) -> None:
    """Position, equity, orders and halts, read while it runs."""
    seen: list[SessionStatus] = []

    async def operate(session: Session, box: ControlBox) -> None:
        seen.append(session_status(session))
        fast = session.floor.runners["fast"]
        while not fast.engine.portfolio.quantity(DEMO):
            await session.floor.handled.wait()
        seen.append(session_status(session))
        box.request(ControlAction.HALT, ts_ns=1, strategy="slow", reason="lunch")
        await anyio.sleep(3)
        seen.append(session_status(session))
        session.stop.ask("enough")

    await run_virtually(tmp_path, _checked(tmp_path), operate)

    before, holding, halted = seen
    assert [] == [each for each in before.strategies if each.held]
    assert {DEMO: Decimal("49.54397986")} == holding.strategies[0].held
    assert holding.is_healthy
    assert not halted.is_healthy
    assert [(StrategyState.RUNNING, ""), (StrategyState.HALTED, "lunch")] == [
        (each.state, each.note) for each in halted.strategies
    ]
    (venue,) = halted.venues
    assert ("replay", "", "closed", 1) == (venue.name, venue.problem, venue.breaker, venue.sent)


async def test_what_is_derived_again_is_not_said_again(tmp_path: Path) -> None:
    """Both starts together say each order once."""
    folder, killed = tmp_path / "run", tmp_path / "killed"
    folder.mkdir()
    lines: list[tuple[LogEvent, object]] = []

    def say(event: LogEvent, /, **fields: object) -> None:
        if event is LogEvent.ORDER_SUBMITTED:
            lines.append((event, fields["order"]))

    async def operate(_: Session, __: ControlBox) -> None:
        await anyio.sleep(300)
        _copy(folder, killed)
        raise Killed

    with pytest.RaisesGroup(Killed, allow_unwrapped=True, flatten_subgroups=True):
        await run_virtually(folder, _checked(folder), operate, say=say)
    await run_virtually(killed, _checked(killed), say=say)

    assert len(lines) == len(set(lines)) == len(_of(await rows_of(killed), EntryKind.INTENT))


async def test_requests_that_cannot_be_read_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trading goes on, a person is told, and what is readable again is obeyed."""

    async def operate(_: Session, box: ControlBox) -> None:
        def fail() -> None:
            raise JournalError("the disk is gone", where="control")

        with monkeypatch.context() as broken:
            broken.setattr(box, "pending", fail)
            await anyio.sleep(100)
        box.request(ControlAction.HALT, ts_ns=1)

    result = await run_virtually(tmp_path, _checked(tmp_path), operate)

    assert "the feed has ended" == result.reason
    rows = await rows_of(tmp_path)
    (alert,) = _of(rows, EntryKind.ALERT)
    assert "requests to this session cannot be read" == alert.entry.body["subject"]
    assert 1 == len(_of(rows, EntryKind.CONTROL))


async def test_flatten_closes_one_strategy_and_leaves_the_other(tmp_path: Path) -> None:
    """Only the one that is named is halted and closed."""
    held: list[bool] = []

    async def operate(session: Session, box: ControlBox) -> None:
        fast, slow = session.floor.runners.values()
        while not (fast.holds and slow.holds):
            await session.floor.handled.wait()
        box.request(ControlAction.FLATTEN, ts_ns=1, strategy="fast")
        await anyio.sleep(5)
        held.extend((fast.holds, slow.holds))

    await run_virtually(tmp_path, _checked(tmp_path), operate)

    assert [False, True] == held
    rows = await rows_of(tmp_path)
    halts = [row.entry.body for row in rows if isinstance(row.entry.body, RiskHalted)]
    assert ["fast"] == [halt.strategy for halt in halts]


@pytest.mark.parametrize("resume", ["cursor", "wallclock"])
async def test_flatten_offline_closes_what_a_killed_session_left(
    tmp_path: Path, resume: str
) -> None:
    """It restores the books, closes, ends by itself, and leaves the session halted."""
    folder, killed = tmp_path / "run", tmp_path / "killed"
    folder.mkdir()

    async def operate(session: Session, _: ControlBox) -> None:
        fast, slow = session.floor.runners.values()
        while not (fast.holds and slow.holds):
            await session.floor.handled.wait()
        await anyio.sleep(3)
        _copy(folder, killed)
        session.stop.ask("enough")

    await run_virtually(folder, _checked(folder, resume), operate)
    with ControlBox(killed / "paper.journal") as box:
        box.request(ControlAction.FLATTEN, ts_ns=1)
    result = await run_virtually(killed, _checked(killed, resume), flatten=True)

    assert ("nothing is held", {}, 0) == (result.reason, result.held, result.open_orders)
    rows = await rows_of(killed)
    (control,) = _of(rows, EntryKind.CONTROL)
    fills = [row for row in rows if isinstance(row.entry.body, OrderFilled)]
    assert fills[0].sequence < control.sequence < fills[-1].sequence
    assert 0 == sum(_signed(row.entry.body) for row in fills)
    again = await run_virtually(killed, _checked(killed, resume))
    assert {} == again.held
    assert [] == [
        row
        for row in _of((await rows_of(killed))[len(rows) :], EntryKind.INTENT)
        if not row.entry.body.intent.reduce_only
    ]
