"""`doctor` as a whole, against a local Coinbase on loopback."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from algopioneer_coinbase.sandbox_market import synthetic_market
from algopioneer_coinbase.sandbox_server import ShiftedClock
from algopioneer_core.cli.main import main
from algopioneer_core.wire.machine import SystemClock
from tests.local_coinbase import local_coinbase

ASKED = ("doctor", "--exchange", "coinbase", "--symbols", "BTC-USD", "--order-size", "0.001")
SECOND = 10**9

Start = Callable[..., dict[str, str]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Return what serves an exchange until the test ends, and points this process at it."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as served:

        def serve(**options: Any) -> dict[str, str]:
            variables = dict(served.enter_context(local_coinbase(tmp_path, **options)))
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            return variables

        yield serve


def checks(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> dict[str, dict[str, str]]:
    """Run it and return the checks; every line that failed says what to do."""
    assert code == main([*ASKED, *words, "--json"])
    answer = json.loads(capsys.readouterr().out)
    rows = {each["check"]: each for each in answer["checks"]}
    assert answer["ok"] is (code == 0)
    assert all(each["remedy"] for each in rows.values() if each["verdict"] == "fail")
    return rows


def bad(rows: dict[str, dict[str, str]]) -> set[str]:
    """Return which failed."""
    return {check for check, each in rows.items() if each["verdict"] == "fail"}


def test_a_good_key_over_tls_passes_everything(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the certificate to the private stream; neither form of the answer shows a secret."""
    variables = start(tls=True)
    rows = checks(capsys, 0, "--journal", "x.journal")
    assert set() == bad(rows)
    assert {"ok"} == {
        rows[check]["verdict"]
        for check in ("connection", "clock", "authentication", "permission to transfer",
                      "symbol BTC-USD", "order size BTC-USD", "journal", "private stream")
    }  # fmt: skip
    assert 0 == main([*ASKED])
    shown = capsys.readouterr().out
    assert "ok    private stream: authenticated, and subscribed to\n" in shown
    assert shown.endswith("nothing failed\n")
    for text in (shown, json.dumps(rows)):
        assert variables["COINBASE_API_SECRET"].split("\\n")[1] not in text
        assert variables["COINBASE_API_KEY"] not in text


def test_a_wrong_key_and_a_wrong_symbol(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The markets are looked at without the key; people see each failure with its remedy."""
    start()
    monkeypatch.setenv("COINBASE_API_KEY", "organizations/a/apiKeys/b")
    assert 1 == main([*ASKED[:-2], "--symbols", "BTC-UDS"])
    lines = capsys.readouterr().out.splitlines()
    assert "FAIL  symbol BTC-UDS: 'BTC-UDS' is not traded at venue 'coinbase'" in lines
    assert "      -> did you mean 'BTC-USD'?" in lines
    assert "-     private stream: the key is not accepted" in lines
    assert lines[-1].startswith("2 of ")


def test_a_key_that_may_transfer(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is wrong with it."""
    start(permissions=("view", "trade", "transfer"))
    assert {"permission to transfer"} == bad(checks(capsys, 1))


def test_a_clock_that_is_ahead(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """The exchange's is half a minute behind; orders go there by its time all the same."""
    clock = ShiftedClock(SystemClock(), -30 * SECOND)
    start(clock=clock, market=synthetic_market(clock.now_ns(), seed=7))
    rows = checks(capsys, 1)
    assert {"clock"} == bad(rows)
    assert "timedatectl" in rows["clock"]["remedy"]
