"""A screen for people: a table on a terminal, plain lines for pipes."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import format_interval
from algopioneer_strategies.research.screen import Screen
from algopioneer_strategies.research.screened_pair import ScreenedPair
from algopioneer_strategies.research.universe import Coverage

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_screen"]


def print_screen(
    found: Screen,
    pairs: Sequence[ScreenedPair],
    coverage: Sequence[Coverage],
    console: "Console | None" = None,
) -> None:
    """
    Print how many tests there were, what survived, and the *pairs* to report.

    Args:
        found: The screen.
        pairs: Those to report.
        coverage: Of every symbol that was asked for.
        console: Where to print; None is standard output.
    """
    from rich.console import Console

    console = console or Console()
    for line in (*_universe(found, coverage), *_verdict(found)):
        console.out(line, highlight=False)
    rows = [_row(pair) for pair in pairs]
    if not rows:
        return
    if console.is_terminal:
        _print_table(rows, console)
        return
    for row in (_COLUMNS, *rows):
        console.out("  ".join(row), highlight=False)


_COLUMNS = (
    "leg 1",
    "leg 2",
    "q",
    "q (BY)",
    "p",
    "corr",
    "hedge [95 %]",
    "half-life [95 %]",
    "VR",
    "",
)


def _universe(found: Screen, coverage: Sequence[Coverage]) -> Iterator[str]:
    closes = found.closes
    first, last = (iso_utc(int(closes.times_ns[at])) for at in (0, -1))
    interval = format_interval(closes.interval_ns)
    yield (
        f"{len(closes.symbols)} symbols, {len(closes):,} joint bars of {interval}, "
        f"{first} to {last}"
    )
    yield from (f"left out: {each.symbol}, {each.left_out}" for each in coverage if each.left_out)
    for symbol, tested in zip(closes.symbols, found.integrations, strict=True):
        if tested.is_stationary:
            yield f"{symbol} is stationary by itself: no pair with it survives"
        elif tested.is_integrated_twice:
            yield f"{symbol}: its changes wander too: no pair with it survives"
    yield from (f"collinear, not tested: {one} and {other}" for one, other in found.collinear)


def _verdict(found: Screen) -> Iterator[str]:
    rate = f"{found.rule.fdr:g}"
    if found.tests is None:
        yield f"{len(found.family):,} pairs measured, none tested; {len(found.survivors)} are left"
        return
    yield (
        f"{found.test_count:,} tests (both directions are one); "
        f"{found.naive:,} pairs have p < 0.05 in a direction, "
        f"{found.discoveries:,} a q-value up to {rate}"
    )
    if found.ties:
        yield f"in {found.ties:,} directions two numbers of lags were equally good"
    survivors = len(found.survivors)
    yield (
        f"{survivors:,} {'pair survives' if survivors == 1 else 'pairs survive'}"
        if (survivors)
        else "no pair survives"
    )


def _row(pair: ScreenedPair) -> tuple[str, ...]:
    return (
        pair.leg1,
        pair.leg2,
        _number(pair.q_value, "{:.3g}"),
        _number(pair.q_value_by, "{:.3g}"),
        _number(pair.p_value, "{:.2g}"),
        f"{pair.correlation:.2f}",
        f"{pair.hedge_ratio:.3f} [{pair.hedge_ratio_low:.2f}, {pair.hedge_ratio_high:.2f}]",
        f"{_number(pair.half_life, '{:.1f}')} [{_number(pair.half_life_low, '{:.1f}')}, "
        f"{_number(pair.half_life_high, '{:.1f}')}]",
        f"{pair.variance_ratio:.2f}",
        "; ".join(failure.value for failure in pair.failures),
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _print_table(rows: Sequence[tuple[str, ...]], console: "Console") -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for place, name in enumerate(_COLUMNS):
        table.add_column(name, justify="left" if place in {0, 1, len(_COLUMNS) - 1} else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
