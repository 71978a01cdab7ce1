"""`algopioneer sandbox coinbase` as a newcomer types it: what is wrong is said in a line."""

import json
import os
import shlex
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from algopioneer_coinbase.sandbox_command import command
from algopioneer_core.cli.errors import run
from algopioneer_core.domain.errors import ExitCode

HEADER = "timestamp,open,high,low,close,volume"


def bars(path: Path, step_s: int = 60) -> Path:
    """Write a few bars, a number of seconds long."""
    rows = [f"{1_700_006_400 + step_s * number},100,101,99,100,1" for number in range(9)]
    path.write_text("\n".join([HEADER, *rows]), "utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with some files of bars."""
    monkeypatch.chdir(tmp_path)
    bars(tmp_path / "minutes.csv")
    bars(tmp_path / "hours.csv", 3_600)
    bars(tmp_path / "seconds.csv", 10)
    return tmp_path


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command, which must end at once with one line that has a remedy."""
    code = run(command, arguments)
    told = capsys.readouterr()
    assert code not in (ExitCode.OK, ExitCode.ERROR)
    assert "" == told.out
    (line,) = told.err.splitlines()
    assert line.startswith("error: ")
    assert "(" in line
    return line


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("--bars nope.csv", "nope.csv: there is no such file"),
        ("--bars NOPE-USD=minutes.csv", "NOPE-USD is not traded here (write PRODUCT=FILE once"),
        ("--bars minutes.csv --bars BTC-USD=minutes.csv", "BTC-USD has bars twice"),
        ("--bars minutes.csv --bars ETH-USD=hours.csv", "bars of different lengths (give files"),
        ("--bars seconds.csv", "bars of 10 seconds are no whole minutes (give bars of 1m"),
        ("--bars minutes.csv --synthetic", "exclude each other"),
        ("--speed 0", "not in the range"),
        ("--speed inf", "not in the range"),
        ("--speed nan", "nan is not a number"),
        ("--speed fast", "not a valid float"),
        ("--clock-ahead nan", "nan is not a number"),
        ("--clock-ahead 1e300", "not in the range"),
        ("--port 65535", "not in the range"),
        ("--faults nope.json", "does not exist"),
        ("--balance USD --bars minutes.csv", "(write for instance"),
        ("--permission fly", "is not one of"),
        ("--bars minutes.csv --record nowhere/record", "nowhere/record: it cannot be written"),
        ("--record .", "is a directory"),
    ],
)
def test_what_cannot_be_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, what: str
) -> None:
    """Nothing is served, and nothing is printed that a shell might read."""
    assert what in refused(arguments.split(), capsys)


@pytest.mark.parametrize(
    ("plan", "what"),
    [
        ("[{", "truncated"),
        ('{"at_s": 1}', "Expected `array`"),
        ('[{"kind": "gap"}]', "missing required field `at_s` - at `$[0]`"),
        ('[{"at_s": 1, "kind": "gap"}, {"at_s": -1, "kind": "gap"}]', "at `$[1].at_s`"),
        ('[{"at_s": "1", "kind": "gap"}]', "got `str` - at `$[0].at_s`"),
        ('[{"at_s": 1e99, "kind": "gap"}]', "at `$[0].at_s`"),
        ('[{"at_s": 1, "kind": "earthquake"}]', "earthquake"),
        ('[{"at_s": 1, "kind": "market_closed"}]', "the local exchange has no market_closed"),
        ('[{"at_s": 1, "kind": "silence"}]', "silence needs a `duration_s` - at `$[0]`"),
        ('[{"at_s": 1, "kind": "gap", "for": 3}]', "unknown field `for`"),
    ],
)
def test_a_plan_of_faults_is_refused_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str], plan: str, what: str
) -> None:
    """And with what a plan looks like."""
    Path("plan.json").write_text(plan, "utf-8")
    line = refused(["--bars", "minutes.csv", "--faults", "plan.json"], capsys)
    assert what in line
    assert "plan.json: it is no plan of faults" in line
    assert "lost_ack" in line


@pytest.mark.parametrize("before", [0, 1])
def test_a_port_in_use_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], taken: int, before: int
) -> None:
    """That of REST, or the next one, which is of the websockets."""
    line = refused(["--bars", "minutes.csv", "--port", str(taken - before)], capsys)
    assert f"--port: port {taken} cannot be used (choose another" in line


@pytest.mark.parametrize("options", [(), ("--tls", "--ed25519", "--balance", "USD=5")])
def test_what_is_served_is_told_to_a_shell(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    """Lines that set variables, then `ready`; SIGTERM ends it and takes the certificate away."""
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if line == "ready":
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("click.echo", tell)
    Path("plan.json").write_text(json.dumps([{"at_s": 9, "kind": "gap"}]), "utf-8")
    rest = ("--speed", "60", "--record", "heard.jsonl", "--faults", "plan.json")
    arguments = ["--bars", "minutes.csv", *rest, *options]
    assert ExitCode.OK == run(command, arguments)

    *exports, ready = told
    values = dict(shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in exports)
    assert "ready" == ready
    assert {"COINBASE_API_KEY", "COINBASE_API_SECRET", "COINBASE_USER_URL"} <= values.keys()
    assert values["COINBASE_REST_URL"].startswith("https" if options else "http:")
    assert bool(options) is ("SSL_CERT_FILE" in values)
    assert not Path(values.get("SSL_CERT_FILE", "none")).exists()
    assert Path("heard.jsonl").exists()


def test_every_option_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """In the help."""
    assert all(isinstance(each, click.Option) and each.help for each in command.params)
    assert ExitCode.OK == run(command, ["--help"])
    assert "--faults" in capsys.readouterr().out
