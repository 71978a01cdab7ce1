"""The whole runtime under faults: a few seeds here, hundreds in `nox -s simulate`."""

import gc
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.testing.clocks import run_virtual
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.simulate import (
    Failure,
    main,
    replay_command,
    run_seed,
    shrunk,
    usual_minutes,
    usual_venue,
)
from algopioneer_core.testing.simulated_reference import SimulatedReference
from algopioneer_core.testing.simulation import Outcome, simulate
from algopioneer_core.testing.simulation_history import draw_history, shrink
from algopioneer_core.testing.simulation_world import World

MINUTES = 25


@pytest.mark.slow
def test_invariants_hold_through_faults_crashes_and_power_cuts() -> None:
    """A few seeds: everything that may go wrong does, and nothing is lost or doubled."""
    host = load_host()
    outcomes = [simulate(seed, host, minutes=MINUTES) for seed in range(1, 9)]
    assert all(each.fills and each.checks > 1_000 for each in outcomes)
    assert sum(each.trades for each in outcomes) > 50
    assert sum(each.lives - 1 for each in outcomes) > 5
    assert sum(each.crashes for each in outcomes) > 5


@pytest.mark.slow
def test_same_seeds_give_the_same_journals_whatever_the_hash_seed(tmp_path: Path) -> None:
    """The canonical exports are the same to the byte in processes that hash differently."""
    first, second = (_journals(tmp_path / hash_seed, hash_seed) for hash_seed in ("1", "2"))
    assert ["seed-3.txt", "seed-4.txt", "seed-5.txt"] == list(first)
    assert all(len(text) > 10_000 for text in first.values())
    assert first == second


@pytest.mark.slow
def test_the_same_seed_gives_the_same_journal_over_a_wire(tmp_path: Path) -> None:
    """With Coinbase's adapter, tokens, requests and websockets in between, too."""
    over_wire = "--venue coinbase --first-seed 2 --seeds 1 --minutes 2"
    first, second = (_journals(tmp_path / each, each, over_wire) for each in ("1", "2"))
    assert len(first["seed-2.txt"]) > 10_000
    assert first == second


@pytest.mark.slow
def test_invariants_hold_with_coinbases_adapter_over_a_wire_that_fails() -> None:
    """The adapter as it trades with money, and the books of the exchange behind it."""
    played = run_seed(8, 8, venue="coinbase")
    assert isinstance(played, Outcome), played
    assert played.fills > 5


def test_each_fortieth_seed_is_over_a_wire_and_a_replay_tells_where() -> None:
    """So a run of two hundred has five of them, whichever is its first."""
    usual = [usual_venue(seed) for seed in range(17, 217)]
    assert usual.count("coinbase") == 5
    assert usual.count("reference") == 195
    assert "--venue coinbase --first-seed 7 " in replay_command(7, 10, venue="coinbase")


def test_a_venue_without_a_simulation_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names those that have one."""
    with pytest.raises(SystemExit):
        main(["--venue", "kraken"])
    assert "'kraken' is none of reference, coinbase" in capsys.readouterr().err


def _journals(
    folder: Path, hash_seed: str, what: str = "--first-seed 3 --seeds 3 --minutes 12"
) -> dict[str, bytes]:
    """Return the exports, by name, that a process of its own has written."""
    command = f"{what} --jobs 1 --journals"
    subprocess.run(
        [sys.executable, "-m", "algopioneer_core.testing.simulate", *command.split(), str(folder)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
    )
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir())}


def test_runner_tells_how_it_went(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary has what was lived through, and the exit code is 0 when everything held."""
    monkeypatch.setattr("algopioneer_core.testing.simulate._MILESTONE", 2)
    collects_at = gc.get_threshold()
    assert main(["--seeds", "2", "--first-seed", "2", "--minutes", "2", "--jobs", "1"]) == 0
    said = capsys.readouterr()
    assert "2 seeds held, 0 failed" in said.out
    assert said.err == "2 of 2 seeds\n"  # in a log
    assert gc.get_threshold() == collects_at  # seldom while seeds are played, then as before


@pytest.mark.slow
def test_seeds_are_played_by_several_processes_and_told_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Chunks of them; each journal is what one process alone writes."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for folder, jobs in ((alone, "1"), (shared, "2")):
        options = ["--seeds", "2", "--minutes", "3", "--venue", "reference", "--jobs", jobs]
        assert main([*options, "--journals", str(folder)]) == 0
    figures = r"[1-9]\d* seeds a minute\), \d+\.\d+ s of processor time a seed$"
    assert re.search(figures, capsys.readouterr().out.strip())
    texts = [each.read_bytes() for each in sorted(alone.iterdir())]
    assert texts == [each.read_bytes() for each in sorted(shared.iterdir())]
    assert len(texts) == 2


def test_failure_names_the_seed_and_the_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A venue that doubles an order is found out."""
    from algopioneer_core.testing.reference_account import ReferenceAccount

    place = ReferenceAccount._place

    def place_twice(self: ReferenceAccount, order: object) -> None:
        place(self, order)  # type: ignore[arg-type]  # as it was called
        self.accepted.append(self.accepted[-1])

    monkeypatch.setattr(ReferenceAccount, "_place", place_twice)
    result = run_seed(1, 10)
    assert isinstance(result, Failure)
    assert not isinstance(result, Outcome)
    assert "was accepted twice" in result.broken[0]
    assert main(["--seeds", "1", "--minutes", "10", "--jobs", "1"]) == 1
    assert replay_command(1, 10) in capsys.readouterr().out


def _forget_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a venue that places what it refuses."""
    from algopioneer_core.testing.reference_account import ReferenceAccount

    befalls = ReferenceVenue.befalls

    def place_what_is_refused(self: ReferenceVenue, kind: FaultKind) -> bool:
        found = befalls(self, kind)
        if found and kind is FaultKind.REJECT:
            account: ReferenceAccount = self.execution
            account.accepted.append("nobody-sent-it")
        return found

    monkeypatch.setattr(ReferenceVenue, "befalls", place_what_is_refused)


@pytest.mark.slow
def test_shrinking_leaves_the_incident_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all that goes wrong only the refusal is left, and the part fails as the whole did."""
    _forget_rejects(monkeypatch)
    seed = next(n for n in range(1, 20) if isinstance(run_seed(n, 6), Failure))
    failure = run_seed(seed, 6)
    assert isinstance(failure, Failure)
    assert "nobody-sent-it" in failure.broken[0]
    (number,) = shrunk(failure, 6)
    incident = draw_history(seed, 6).incidents[number]
    assert isinstance(incident, Fault)
    assert incident.kind is FaultKind.REJECT
    again = run_seed(seed, 6, [number])
    assert isinstance(again, Failure)
    assert again.broken == failure.broken
    assert replay_command(seed, 6, [number]).endswith(f"--jobs 1 --only {number}")


def test_a_history_over_a_wire_lasts_an_hour() -> None:
    """Unless somebody says otherwise; one in memory lasts six."""
    assert usual_minutes(usual_venue(1)) == 360
    assert usual_minutes(usual_venue(0)) == 60


def test_most_days_are_calm_and_no_hour_is() -> None:
    """A part of a history is as calm as the whole."""
    days = [draw_history(seed, 360) for seed in range(1_200, 1_300)]
    assert 90 < sum(each.is_calm and each.only([0]).is_calm for each in days) < 100
    assert not any(draw_history(seed, 60).is_calm for seed in range(1_200, 1_250))


def test_the_last_life_of_a_short_history_is_lived() -> None:
    """Two minutes in which a life is cut, and the next should end before the first is over."""
    history = draw_history(3, 2)
    away_ns = sum(each.away_ns for each in history.lives)
    assert history.lives[0].until_ns + away_ns > history.all_lives[-1].until_ns
    outcome = run_seed(3, 2)
    assert isinstance(outcome, Outcome)
    assert outcome.simulated_s >= 8 * 60


def test_most_calm_days_have_bars_and_few_quotes() -> None:
    """On a calm day what nobody waits for is quoted where bars are made of it; some are denser."""
    host = load_host()
    days = [run_virtual(_quoted_by_itself, seed, host) for seed in range(1, 41)]
    assert sum(dense for dense, _ in days) in range(2, 12)
    assert any(quoted for dense, quoted in days if dense)
    assert not any(quoted for dense, quoted in days if not dense)


async def _quoted_by_itself(seed: int, host: PluginHost) -> tuple[bool, int]:
    """Return whether a calm day is dense, and how much is quoted then that makes no bars."""
    world = World(seed, host, SimulatedReference, is_calm=True)
    quoted = world._quoted_now(world.clock.now_ns())
    assert isinstance(quoted, dict)
    return world._is_dense, len(quoted.keys() - world.configuration.built_from_quotes.keys())


@pytest.mark.slow
def test_a_calm_day_trades_and_holds() -> None:
    """Six hours with few quotes."""
    day = run_seed(7, 360)
    assert isinstance(day, Outcome)
    assert day.orders > 20
    assert day.simulated_s > 6 * 3_600


def test_shrinking_finds_incidents_that_only_fail_together() -> None:
    """Neither of the two can be left out, and everything else is."""
    asked: list[Sequence[int]] = []

    def fails(wanted: Sequence[int]) -> bool:
        asked.append(wanted)
        return {7, 42} <= set(wanted)

    assert [7, 42] == shrink(range(60), fails)
    assert len(asked) < 100
    assert len(shrink(range(60), fails, tries=3)) > 2


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no such timer")
def test_time_that_stands_still_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that never waits is found out, though virtual time does not pass."""

    def spin(*_: object, **__: object) -> None:
        while True:
            pass

    monkeypatch.setattr("algopioneer_core.testing.simulate._LONGEST_S", -2)
    monkeypatch.setattr("algopioneer_core.testing.simulate.simulate", spin)
    failure = run_seed(1, 3)
    assert isinstance(failure, Failure)
    assert "it did not end within 1 s" in failure.broken[0]
