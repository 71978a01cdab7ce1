"""A session with `[web]` tells other programs how it stands, for as long as it runs."""

import json
import sys
from pathlib import Path

import httpx
import pytest

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.session import run_session
from algopioneer_core.bootstrap.session_config import check_session
from algopioneer_core.cli.main import main
from algopioneer_core.config.session import read_session
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.runtime.session import Session
from algopioneer_core.web.server import listen

BARS = Path(__file__).resolve().parent.parent / "examples/data/made-up-1h.csv"
SESSION = """
[session]
backend = "{backend}"

[journal]
path = "{folder}/web.journal"

[log]
format = "json"

[web]
port = {port}

[venue.replay]
data = ["{bars}"]
symbols = ["DEMO-USD"]
speed = "36000"

[venue.replay.paper]
balances = ["USD=10000"]

[[strategy]]
kind = "moving-average"
instruments = ["DEMO-USD"]
short_window = 6
long_window = 24
"""


def _file(folder: Path, port: int = 0, backend: str = "trio") -> Path:
    path = folder / "run.toml"
    text = SESSION.format(folder=folder, port=port, backend=backend, bars=BARS)
    path.write_text(text, "utf-8")
    return path


def _url(log: str) -> str:
    """Return the address that the log tells."""
    [line] = [
        each for each in map(json.loads, log.splitlines()) if each["event"] == "web.listening"
    ]
    return str(line["url"])


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_health_and_metrics_are_served_while_a_session_runs(
    tmp_path: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the port that the log tells; when the session has ended, nobody listens."""
    answers: list[httpx.Response] = []

    async def ask(session: Session) -> None:
        while not session.floor.now_ns:
            await session.floor.handled.wait()
        url = _url(capsys.readouterr().err)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            answers.extend([await client.get("/health"), await client.get("/metrics")])
        session.stop.ask("seen enough")

    result = run_session(read_session(_file(tmp_path, backend=backend), {}), load_host(), watch=ask)

    health, metrics = answers
    assert (health.status_code, health.json()["problems"]) == (200, [])
    assert health.json()["strategies"]["moving-average"]["state"] == "running"
    assert "algopioneer_healthy 1.0" in metrics.text
    assert 'algopioneer_strategy_equity{strategy="moving-average"} 10000.0' in metrics.text
    assert result.reason == "seen enough"
    with pytest.raises(httpx.ConnectError):
        httpx.get(str(health.url), trust_env=False)


def test_a_port_in_use_ends_the_command_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the journal is opened; exit code 3, and the remedy."""
    with listen("127.0.0.1", 0, where="") as taken:
        path = _file(tmp_path, taken.getsockname()[1])
        assert main(["run", "--config", str(path)]) == 3
    told = capsys.readouterr().err.strip().splitlines()
    assert "run.toml: web: cannot listen on 127.0.0.1, port" in told[0]
    assert not (tmp_path / "web.journal").exists()


def test_without_the_extra_the_configuration_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by `config validate`, which looks at the same."""

    for name in tuple(sys.modules):
        if name.startswith("hypercorn") or name == "algopioneer_core.web.server":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypercorn", None)
    with pytest.raises(RefusedError, match="needs hypercorn, which is not installed") as refused:
        check_session(read_session(_file(tmp_path), {}), load_host())
    assert 'pip install "algopioneer-core[web]"' in str(refused.value)
