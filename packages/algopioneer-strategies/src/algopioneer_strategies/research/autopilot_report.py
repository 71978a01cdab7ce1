"""What autopilot says of a look: a line for each decision, or JSON."""

from collections.abc import Iterator
from typing import Any

import click

from algopioneer_core.cli.kit import print_json
from algopioneer_core.domain.times import iso_utc
from algopioneer_strategies.research.autopilot import Look
from algopioneer_strategies.research.autopilot_options import AutopilotOptions

__all__ = ["look_values", "print_look"]


def print_look(found: Look, options: AutopilotOptions, *, as_json: bool) -> None:
    """Print lines, or one JSON document."""
    if as_json:
        print_json(look_values(found))
        return
    for line in _lines(found, options):
        click.echo(line)


def look_values(found: Look) -> dict[str, Any]:
    """Return a look as JSON values; what is undefined is None."""
    verdict = found.verdict
    return {
        "portfolio": str(found.portfolio.path),
        "last_bar": iso_utc(int(found.discovery.closes.times_ns[-1])),
        "tests": found.discovery.screen.test_count,
        "survivors": len(found.discovery.screen.survivors),
        "held_out_bars": found.bars,
        "new_bars": found.new_bars,
        "level": verdict.level,
        "trials": verdict.trials,
        "threshold": verdict.threshold,
        "decisions": [
            {
                "pair": each.pair,
                "action": each.action.value,
                "candidate": each.candidate,
                "reason": each.reason,
            }
            for each in found.decisions
        ],
        "comparisons": [
            {
                "incumbent": each.incumbent,
                "candidate": each.candidate,
                "gain_bps_per_bar": 10_000 * each.gain,
                "t": each.statistic,
                "p_value": each.p_value,
                "refusal": each.refusal,
            }
            for each in verdict.comparisons
        ],
        "is_changed": found.text is not None,
        "is_applied": found.is_applied,
        "told": found.told,
        "ledger_head": found.ledger_head,
    }


def _lines(found: Look, options: AutopilotOptions) -> Iterator[str]:
    screen, verdict = found.discovery.screen, found.verdict
    yield (
        f"{iso_utc(int(found.discovery.closes.times_ns[-1]))[:19]}: {screen.test_count} pairs "
        f"tested, {len(screen.survivors)} survive; {len(verdict.comparisons)} comparisons over "
        f"{found.bars} held-out bars, {found.new_bars} of them new"
    )
    for each in found.decisions:
        yield f"  {each}"
    yield _outcome(found, options)
    yield f"ledger's chain head {found.ledger_head}"


def _outcome(found: Look, options: AutopilotOptions) -> str:
    path = found.portfolio.path
    if found.text is None:
        return f"{path} stays as it is"
    if not found.is_applied:
        return f"dry run: {path} stays as it is; --apply would change it"
    if found.told is not None:
        return f"{path} was changed; {found.told}"
    if options.journal is None:
        return f"{path} was changed; no session was told, for no --journal was named"
    return f"{path} was changed; no session holds {options.journal}: the next one to start reads it"
