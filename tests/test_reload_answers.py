"""Who tells a session to read its file again hears what the session makes of it."""

import os
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.session import run_session
from algopioneer_core.cli.kit import tell_session
from algopioneer_core.config.session import read_session
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.runtime.session import Session

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

BARS = Path(__file__).resolve().parent.parent / "examples/data/made-up-1h.csv"
SESSION = f"""
[session]
resume = "wallclock"

[venue.replay]
data = ["{BARS}"]
symbols = ["DEMO-USD"]
speed = "18000"                    # a bar each 200 ms

[venue.replay.paper]
balances = ["USD=10000"]

[[strategy]]
kind = "moving-average"
name = "fast"
instruments = ["DEMO-USD"]
capital = 5000
"""
ANOTHER = """
[[strategy]]
kind = "moving-average"
name = "slow"
instruments = ["{symbol}"]
capital = 5000
"""


def _said(folder: Path, *changes: str) -> list[str]:
    """Run a session and tell it of each change of its file; return what it says."""
    path, said = folder / "run.toml", list[str]()
    path.write_text(SESSION, "utf-8")

    def change(text: str) -> None:
        path.write_text(text, "utf-8")
        try:
            said.append(str(tell_session(journal, note="a change", reload=True, ts_ns=1)))
        except RefusedError as error:
            said.append(str(error))

    async def watch(session: Session) -> None:
        await session.floor.handled.wait()
        for each in changes:
            await anyio.to_thread.run_sync(partial(change, each))
        session.stop.ask("enough")

    config = read_session(path, {})
    journal = config.journal_path
    run_session(config, load_host(), watch=watch)
    return said


@pytest.mark.slow
def test_a_session_says_what_it_has_done_or_why_it_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has asked is told; a file that it refuses leaves it as it was."""
    monkeypatch.chdir(tmp_path)
    added, unknown = (SESSION + ANOTHER.format(symbol=each) for each in ("DEMO-USD", "NONE-USD"))
    same, more, refused = _said(tmp_path, SESSION, added, unknown)
    assert same.startswith(f"process {os.getpid()} on ")
    assert same.endswith(" has read it again: nothing had changed")
    assert more.endswith(" has read it again: slow was added")
    assert "refuses what its file says now, and goes on as before: " in refused
    assert "does not trade 'NONE-USD'" in refused
