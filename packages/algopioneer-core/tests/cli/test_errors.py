"""Behaviour of the error boundary: exit codes and one line."""

import decimal
import json
import subprocess
import sys

import click
import pytest

from algopioneer_core.cli.errors import run, warn
from algopioneer_core.domain.errors import ConfigError, DataError, VenueUnavailable
from algopioneer_core.testing.processes import started


def _failing(error: BaseException) -> click.Command:
    def callback() -> None:
        raise error

    flag = click.Option(["--json", "as_json"], is_flag=True, expose_value=False)
    return click.Command("sample", callback=callback, params=[flag])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("time goes back", where="bars.csv:7", remedy="sort the file"), 3),
        (ConfigError("must be positive", where="fee_bps"), 4),
        (VenueUnavailable("is down", where="kraken"), 5),
    ],
)
def test_foreseen_failure_is_one_line_and_its_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line has the place, the cause and the remedy; there is no traceback."""
    assert code == run(_failing(error), [])

    shown = capsys.readouterr()
    assert f"error: {error}\n" == shown.err
    assert "" == shown.out


def test_message_of_several_lines_is_shown_on_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a plugin puts into its message."""
    run(_failing(ConfigError("first\n  second")), [])

    assert "error: first second\n" == capsys.readouterr().err


def test_json_failure_is_also_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that asked for JSON gets JSON, with the parts apart."""
    code = run(_failing(DataError("x", where="f:1", remedy="r")), ["--json"])

    about = json.loads(capsys.readouterr().out)["error"]
    assert 3 == code
    assert {
        "type": "DataError", "message": "x", "where": "f:1", "remedy": "r", "exit_code": 3,
    } == about  # fmt: skip


def test_usage_error_is_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """click's three lines become one that says where the help is."""
    assert 2 == run(_failing(ValueError()), ["--nope"])

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: No such option")
    assert "see: algopioneer --help" in line


def test_file_error_of_click_keeps_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Other failures of click are shown in the same form."""
    assert 1 == run(_failing(click.ClickException("no")), [])
    assert "error: no\n" == capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_interrupt_is_130(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is not a defect."""
    assert 130 == run(_failing(error), [])
    assert "interrupted" == capsys.readouterr().err.strip()


def test_amount_that_cannot_be_exact_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Sixty digits are a limit that a user can meet, so it is foreseen."""
    assert 3 == run(_failing(decimal.Inexact()), [])
    assert "more than 60 digits" in capsys.readouterr().err


def test_defect_keeps_its_traceback() -> None:
    """What nobody foresaw must be seen."""
    with pytest.raises(ZeroDivisionError):
        run(_failing(ZeroDivisionError()), [])


def test_success_is_zero() -> None:
    """Also when the command returns something."""
    assert 0 == run(click.Command("sample", callback=lambda: "text"), [])


def test_warning_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """It never mixes with the answer."""
    warn("a\nb")

    shown = capsys.readouterr()
    assert ("", "warning: a b\n") == (shown.out, shown.err)


def test_closed_pipe_is_quiet() -> None:
    """`algopioneer ... | head` does not complain."""
    program = (
        "import sys, click\n"
        "from algopioneer_core.cli.errors import run\n"
        "sys.stdin.readline()\n"
        "text = 'line\\n' * 100000\n"
        "sys.exit(run(click.Command('x', callback=lambda: click.echo(text)), []))\n"
    )
    with started(
        *(sys.executable, "-c", program), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.write("go\n")
        child.stdin.close()
        complaint = child.stderr.read()

        assert (1, "") == (child.wait(), complaint)
