"""`discover-pairs` as users type it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_core.cli.main import main

Walks = Callable[..., NDArray[np.float64]]
Run = Callable[..., tuple[int, str, str]]


def wide_file(path: Path, symbols: Sequence[str], log_prices: NDArray[np.float64]) -> Path:
    """Write hourly closes, a column for each symbol."""
    start = np.datetime64("2024-01-01T00:00")
    with path.open("w", encoding="utf-8") as file:
        print("time", *symbols, sep=",", file=file)
        for hour in range(log_prices.shape[1]):
            time = start + np.timedelta64(hour, "h")
            prices = np.exp(log_prices[:, hour])
            print(time, *(f"{price:.8f}" for price in prices), sep=",", file=file)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that types a command and returns exit code, output and errors."""
    monkeypatch.delenv("ALGOPIONEER_PLUGINS", raising=False)

    def typed(*words: str) -> tuple[int, str, str]:
        code = main(["discover-pairs", *words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return typed


@pytest.fixture
def planted(walks: Walks, tmp_path: Path) -> Path:
    """Return a file of six symbols, two of which are held together."""
    found = walks(6, 400, seed=6)
    noise = np.random.Generator(np.random.PCG64(5)).standard_normal(400)
    spread = np.zeros(400)
    for at in range(1, len(spread)):
        spread[at] = 0.8 * spread[at - 1] + 0.01 * noise[at]
    found[1] = 0.7 * found[3] + spread + 1.0
    return wide_file(tmp_path / "closes.csv", "ABCDEF", found)


def answer(run: Run, *words: str) -> dict[str, Any]:
    """Run with `--json` and return what was printed."""
    code, out, err = run(*words, "--screen-only", "--json")
    assert (0, "") == (code, err)
    values: dict[str, Any] = json.loads(out)
    return values


def test_planted_pair_is_found(run: Run, planted: Path) -> None:
    """And it alone, with its hedge ratio and half-life, checked once more."""
    found = answer(run, "--data", str(planted))
    assert (15, 1) == (found["tests"], found["survivors"])
    [pair] = found["pairs"]
    assert ("B", "D") == (pair["leg1"], pair["leg2"])
    assert pair["p_value"] == min(1.0, 2 * min(pair["p_value_ab"], pair["p_value_ba"]))
    assert pair["hedge_ratio_low"] < 0.7 < pair["hedge_ratio_high"]
    assert pair["half_life_low"] < 3.1 < pair["half_life_high"]
    assert pair["survives"]
    assert found["recheck"] < 1e-8
    assert 1 == found["rechecked"]


def test_every_pair_is_kept_where_asked_for(run: Run, planted: Path) -> None:
    """The survivors first, the others with what speaks against them."""
    found = answer(run, "--data", str(planted), "--keep", "all")
    assert 15 == len(found["pairs"]) == found["rechecked"]
    assert [True] + 14 * [False] == [pair["survives"] for pair in found["pairs"]]
    assert all("q-value" in pair["failures"] for pair in found["pairs"][1:])
    q_values = [pair["q_value"] for pair in found["pairs"]]
    assert sorted(q_values) == q_values
    assert 2 == len(
        answer(run, "--data", str(planted), "--keep", "all", "--max-pairs", "2")["pairs"]
    )


def test_johansens_trace_is_added_on_demand(run: Run, planted: Path) -> None:
    """Of what is reported, beside the 5 % values of a restricted constant."""
    assert "johansen" not in answer(run, "--data", str(planted))["pairs"][0]
    tested = answer(run, "--data", str(planted), "--johansen")["pairs"][0]["johansen"]
    assert ([19.96, 9.24], 1) == (tested["critical"], tested["rank"])
    assert tested["trace"][0] > 19.96 > 9.24 > tested["trace"][1]


def test_without_cointegration_pairs_are_only_measured(run: Run, planted: Path) -> None:
    """No test, no q-value, nothing to check once more."""
    found = answer(run, "--data", str(planted), "--no-cointegration", "--max-half-life", "10")
    assert (0, 1, None) == (found["tests"], found["survivors"], found["recheck"])
    assert ("B", "D", None) == tuple(found["pairs"][0][key] for key in ("leg1", "leg2", "q_value"))


def test_no_survivor_is_a_result(run: Run, walks: Walks, tmp_path: Path) -> None:
    """Exit code 0, and a sentence."""
    path = wide_file(tmp_path / "closes.csv", "ABC", walks(3, 200))
    code, out, err = run("--data", str(path), "--screen-only")
    assert (0, "") == (code, err)
    assert "3 tests (both directions are one)" in out
    assert "no pair survives" in out


def test_lines_for_people_name_the_pair(run: Run, planted: Path) -> None:
    """A row under the verdict."""
    _, out, _ = run("--data", str(planted), "--screen-only")
    assert "1 pair survives" in out
    assert out.splitlines()[-1].startswith("B  D  ")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--symbols", "A"), 3, "a pair needs two symbols, and there is 1"),
        (("--symbols", "A,B,A"), 4, "'A' is named twice"),
        (("--symbols", "A,Z"), 4, "Z is in none of the files"),
        (("--fdr", "1.5"), 4, "fdr must be above 0 and at most 1"),
        (("--min-correlation", "0.999"), 3, "none of 15 pairs is left to test"),
        (("--same-sector",), 3, "none of 15 pairs is left to test"),
        (("--lag-choice", "fixed"), 4, "a fixed number of lags is not given"),
        (("--lookback-days", "1"), 3, "joint closes, and a test with"),
        (("--max-half-life", "1"), 4, "is below the shortest half-life"),
        (("--interval", "1M"), 4, "is not a unit of time"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    run: Run, planted: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    """With the place and the remedy."""
    got, out, err = run("--data", str(planted), *words)
    assert (code, "", 1) == (got, out, len(err.splitlines()))
    assert message in err


def test_prices_must_come_from_somewhere(run: Run) -> None:
    """Without data there is nothing to look for pairs in."""
    code, _, err = run()
    assert 4 == code
    assert "it is not said where prices come from" in err


@pytest.mark.slow
def test_twenty_equities_come_to_what_the_documents_say(run: Run, equities: Path) -> None:
    """190 tests, of which 19 look good to who does not count, and one survives."""
    found = answer(run, "--data", str(equities))
    assert (190, 19, 1, 1) == tuple(
        found[key] for key in ("tests", "naive", "discoveries", "survivors")
    )
    assert ("JPM", "MSFT") == (found["pairs"][0]["leg1"], found["pairs"][0]["leg2"])
    assert found["pairs"][0]["q_value"] == pytest.approx(0.0353, abs=5e-5)
    assert (8313, 20) == (found["universe"]["bars"], len(found["universe"]["symbols"]))
    assert found["recheck"] < 1e-8


@pytest.mark.long
def test_what_twenty_equities_would_have_cost_is_what_the_documents_say(
    run: Run, equities: Path
) -> None:
    """Nothing survives on the bars before 2013; three pairs that are let through earn nothing."""
    code, out, _ = run("--data", str(equities), "--json")
    found = json.loads(out)
    assert (0, 190, 15, 0, 0, []) == (
        code, *(found[key] for key in ("tests", "naive", "discoveries", "written", "evaluations"))
    )  # fmt: skip
    assert [] == json.loads(Path("discovered_pairs.json").read_text("utf-8"))
    words = ("--same-sector", "--fdr", "0.9", "--max-pairs", "3", "--ledger", "other.sqlite")
    code, out, _ = run("--data", str(equities), *words, "--json")
    assert 0 == code
    table = {
        (each["leg1"], each["leg2"]): (
            round(each["honesty"]["deflated_sharpe"], 2),
            round(each["honesty"]["overfitting_probability"], 2),
            round(each["out_of_sample"]["sharpe_ratio"], 2),
        )
        for each in json.loads(out)["evaluations"]
    }
    assert table == {
        ("MRK", "PFE"): (0.24, 0.65, 0.12),
        ("LLY", "PFE"): (0.78, 0.71, 0.02),
        ("PEP", "PG"): (0.53, 0.91, -0.02),
    }
