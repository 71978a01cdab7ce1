"""`algopioneer doctor`: what is wrong before money is at stake, and what to do about it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from algopioneer_core.cli.config import env_file_option
from algopioneer_core.cli.kit import (
    SectionedCommand,
    given_values,
    json_option,
    print_json,
    setting_options,
    with_options,
)
from algopioneer_core.config.doctor import DoctorOptions
from algopioneer_core.config.environment import load_environment
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ExitCode
from algopioneer_core.domain.text import one_line

if TYPE_CHECKING:
    from algopioneer_core.plugins.diagnosis import Finding

__all__ = ["doctor"]

_OPTIONS: Final = setting_options(DoctorOptions, section="Options", only_flags=True)
_WORDS: Final = {"ok": "ok", "warn": "warn", "fail": "FAIL", "not checked": "-"}
_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red", "not checked": None}
_WIDTH: Final = 4


@with_options(_OPTIONS)
@click.command(cls=SectionedCommand)
@env_file_option
@json_option
def doctor(*, env_file: str, as_json: bool, **parameters: Any) -> int:
    """
    Check everything that a session at a venue needs, and say how to mend what is wrong.

    One line for each check: `ok`, `warn`, `FAIL`, or `-` for what was not checked, and why. Keys
    are never shown, nothing is changed, no order is placed. The exit code is 0 unless a check
    failed.
    """
    from algopioneer_core.bootstrap.doctor import examine
    from algopioneer_core.bootstrap.host import load_host
    from algopioneer_core.bootstrap.surroundings import SystemClock

    asked = Settings("doctor", flags=given_values(_OPTIONS, parameters))
    options = asked.make(DoctorOptions)
    findings = examine(
        options,
        asked,
        load_host(),
        load_environment(Path(env_file), os.environ),
        dotenv=Path(env_file),
        clock=SystemClock(),
        tell=(lambda _: None) if as_json else _show,
    )
    bad = sum(each.verdict.value == "fail" for each in findings)
    if as_json:
        print_json({"ok": not bad, "checks": [_row(each) for each in findings]})
    else:
        click.echo(f"{bad} of {len(findings)} checks failed" if bad else "nothing failed")
    return ExitCode.ERROR if bad else ExitCode.OK


def _row(finding: "Finding") -> dict[str, str]:
    return {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "text": finding.text,
        "remedy": finding.remedy,
    }


def _show(finding: "Finding") -> None:
    verdict = finding.verdict.value
    word = click.style(_WORDS[verdict].ljust(_WIDTH), fg=_COLOURS[verdict])
    click.echo(f"{word}  {finding.check}: {one_line(finding.text)}")
    if finding.remedy:
        click.echo(f"{' ' * _WIDTH}  -> {one_line(finding.remedy)}")
