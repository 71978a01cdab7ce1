"""The whole runtime under faults: a few seeds here, hundreds in `nox -s simulate`."""

import json
import os
import subprocess
import sys

import pytest

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.testing.simulate import Failure, main, replay_command, run_seed
from algopioneer_core.testing.simulation import Outcome, simulate

MINUTES = 25


def test_invariants_hold_through_faults_crashes_and_power_cuts() -> None:
    """A few seeds: everything that may go wrong does, and nothing is lost or doubled."""
    host = load_host()
    outcomes = [simulate(seed, host, minutes=MINUTES) for seed in range(1, 9)]
    assert all(each.fills and each.checks > 1_000 for each in outcomes)
    assert sum(each.trades for each in outcomes) > 50
    assert sum(each.lives - 1 for each in outcomes) > 5
    assert sum(each.crashes for each in outcomes) > 5


@pytest.mark.parametrize("seed", [3, 5])
def test_same_seed_gives_the_same_journal_whatever_the_hash_seed(seed: int) -> None:
    """The canonical export is the same to the byte in processes that hash differently."""
    digests = {_digest(seed, hash_seed) for hash_seed in ("1", "2")}
    assert len(digests) == 1


def _digest(seed: int, hash_seed: str) -> str:
    program = (
        "import json, algopioneer_core.testing.simulate as s;"
        f"print(json.dumps(s.run_seed({seed}, 15).digest))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(done.stdout))


def test_runner_tells_how_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary has what was lived through, and the exit code is 0 when everything held."""
    assert main(["--seeds", "1", "--first-seed", "2", "--minutes", "3", "--jobs", "1"]) == 0
    assert "1 seeds held, 0 failed" in capsys.readouterr().out


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
