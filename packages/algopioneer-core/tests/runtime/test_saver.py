"""The saver writes states with the rows they belong to, and nothing when nothing happens."""

from algopioneer_core.domain.market_data import Bar
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.journal.journal import Journal, open_journal_on
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.saver import Saver
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.sessions import MINUTE_NS, strategy_plan


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
    async with open_journal_on(
        MemoryDisk().plug_in(), make_uuid=lambda: "test", run_blocking=run_inline
    ) as journal:
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
    async with open_journal_on(
        MemoryDisk().plug_in(), make_uuid=lambda: "test", run_blocking=run_inline
    ) as journal:
        saver = Saver(journal, {})
        floor = _floor(saver)
        saver.touch_quiet()
        await saver.flush()

        floor.remove("idle")
        floor.add(strategy_plan("idle", ScriptedStrategy, BITCOIN))
        saver.touch_quiet()
        assert ("idle",) == saver.waiting
