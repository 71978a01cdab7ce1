"""
What every recorder must do.

    class TestOurs(RecorderContract):
        @pytest.fixture
        def open_recorder(self, tmp_path):
            config = CsvRecorderConfig(path=str(tmp_path / "trades.csv"))
            return lambda: open_csv_recorder(config, anyio.to_thread.run_sync)

        @pytest.fixture
        def recorded(self, tmp_path):
            return lambda: list(csv.DictReader((tmp_path / "trades.csv").open()))

Every case runs on trio and on asyncio, through the pytest plugin of anyio.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, TypeAlias

import anyio
import pytest

from algopioneer_core.domain.trade_fields import trade_fields
from algopioneer_core.ports import Recorder
from algopioneer_core.testing.trades import round_trip

__all__ = ["OpenRecorder", "Recorded", "RecorderContract"]

OpenRecorder: TypeAlias = Callable[[], AbstractAsyncContextManager[Recorder]]
"""Opens the recorder on the same place each time."""
Recorded: TypeAlias = Callable[[], Iterable[Mapping[str, str]]]
"""Returns what is there, as `trade_fields` has it; fields beyond those are no matter."""


@pytest.mark.anyio
class RecorderContract:
    """
    The cases. A subclass gives the fixtures `open_recorder` and `recorded`.

    Cases C05 to C07 are for what outlives the process, which is what a recorder is for; one that
    only passes trades on says `durable = False`.
    """

    durable: ClassVar[bool] = True
    """Whether what was flushed is there after the recorder was closed and opened again."""

    @pytest.fixture
    def open_recorder(self) -> OpenRecorder:
        """Return what opens the recorder under test, on the same place each time."""
        raise NotImplementedError

    @pytest.fixture
    def recorded(self) -> Recorded:
        """Return what reads back what was recorded, as a stranger would."""
        raise NotImplementedError

    @pytest.fixture
    def _lasting(self) -> None:
        if not self.durable:
            pytest.skip("declared not durable")

    async def test_c01_a_flushed_trade_is_there_exactly(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C01: every field is there, and amounts have not passed through a float."""
        async with open_recorder() as recorder:
            await recorder.record("alpha:1", round_trip(1))
            await recorder.flush()
            assert [trade_fields("alpha:1", round_trip(1))] == _trades(recorded)

    async def test_c02_the_same_key_changes_nothing(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C02: a trade that is offered again, before or after a flush, is there once."""
        async with open_recorder() as recorder:
            for _ in range(2):
                await recorder.record("alpha:1", round_trip(1))
                await recorder.record("alpha:1", round_trip(1))
                await recorder.flush()
            assert _keys(recorded) == ["alpha:1"]

    async def test_c03_equal_trades_under_two_keys_are_two(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C03: only the key tells trades apart; two strategies may trade alike."""
        async with open_recorder() as recorder:
            await recorder.record("alpha:1", round_trip(1))
            await recorder.record("beta:1", round_trip(1))
            await recorder.record("alpha:2", round_trip(1))
            await recorder.flush()
            assert sorted(_keys(recorded)) == ["alpha:1", "alpha:2", "beta:1"]

    async def test_c04_tasks_may_share_it(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C04: strategies finish trades at the same time; each is whole and there once."""
        keys = [f"{name}:{number}" for name in ("alpha", "beta") for number in range(1, 6)]
        async with open_recorder() as recorder:
            async with anyio.create_task_group() as tasks:
                for key in (*keys, *keys):
                    tasks.start_soon(recorder.record, key, round_trip(1))
                tasks.start_soon(recorder.flush)
            await recorder.flush()
            found = sorted(_trades(recorded), key=lambda fields: keys.index(fields["key"]))
            assert [trade_fields(key, round_trip(1)) for key in keys] == found

    @pytest.mark.usefixtures("_lasting")
    async def test_c05_flushed_trades_outlive_it(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C05: what was flushed is there after closing, and later trades are added to it."""
        for number in (1, 2):
            async with open_recorder() as recorder:
                await recorder.record(f"alpha:{number}", round_trip(number))
                await recorder.flush()
        assert sorted(_keys(recorded)) == ["alpha:1", "alpha:2"]

    @pytest.mark.usefixtures("_lasting")
    async def test_c06_a_trade_offered_after_a_restart_is_there_once(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C06: after a restart the journal's trades are offered again; none is doubled."""
        for _ in range(3):
            async with open_recorder() as recorder:
                for number in (1, 2):
                    await recorder.record(f"alpha:{number}", round_trip(number))
                await recorder.flush()
        assert sorted(_keys(recorded)) == ["alpha:1", "alpha:2"]

    @pytest.mark.usefixtures("_lasting")
    async def test_c07_a_cancelled_record_may_be_offered_again(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C07: whatever a cancellation left behind, the trade is there once afterwards."""
        async with open_recorder() as recorder:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await recorder.record("alpha:1", round_trip(1))
        async with open_recorder() as recorder:
            await recorder.record("alpha:1", round_trip(1))
            await recorder.flush()
        assert _keys(recorded) == ["alpha:1"]

    async def test_c08_trades_keep_their_order(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C08: they are there in the order in which they were recorded, over several flushes."""
        keys = [f"alpha:{number}" for number in range(1, 8)]
        async with open_recorder() as recorder:
            for number, key in enumerate(keys):
                await recorder.record(key, round_trip(1))
                if number % 3 == 0:
                    await recorder.flush()
            await recorder.flush()
        assert keys == _keys(recorded)

    @pytest.mark.usefixtures("_lasting")
    async def test_c09_it_catches_up_with_the_journal(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C09: offered all trades from the first, it adds the ones it lacks, behind the others."""
        for last in (2, 5):
            async with open_recorder() as recorder:
                for number in range(1, last + 1):
                    await recorder.record(f"alpha:{number}", round_trip(number))
                await recorder.flush()
        assert [f"alpha:{number}" for number in range(1, 6)] == _keys(recorded)

    async def test_c10_one_cancelled_caller_harms_no_other(
        self, open_recorder: OpenRecorder, recorded: Recorded
    ) -> None:
        """C10: a strategy that is ended while its trade is recorded takes no other one with it."""
        async with open_recorder() as recorder:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(recorder.record, "alpha:1", round_trip(1))
                tasks.start_soon(_cancelled, recorder)
                tasks.start_soon(recorder.record, "gamma:1", round_trip(1))
            await recorder.record("delta:1", round_trip(1))
            await recorder.flush()
            assert {"alpha:1", "gamma:1", "delta:1"} <= set(_keys(recorded))


async def _cancelled(recorder: Recorder) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await recorder.record("beta:1", round_trip(1))


def _trades(recorded: Recorded) -> list[dict[str, str]]:
    """Return what was recorded, the fields of `trade_fields` only."""
    fields = trade_fields("k", round_trip())
    return [{name: row[name] for name in fields} for row in recorded()]


def _keys(recorded: Recorded) -> list[str]:
    return [row["key"] for row in recorded()]
