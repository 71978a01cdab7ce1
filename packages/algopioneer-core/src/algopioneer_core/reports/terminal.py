"""The result on the terminal: a table for people, plain lines for pipes."""

from typing import TYPE_CHECKING

from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.reports.figures import assumptions, figure_sections
from algopioneer_core.simulation.result import BacktestResult

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_result"]


def print_result(result: BacktestResult, console: "Console | None" = None) -> None:
    """
    Print the figures of *result* and what they assume.

    A terminal gets tables; anything else gets one `label: value` a line, without colours.

    Args:
        result: What to show.
        console: Where to print; None is standard output.
    """
    from rich.console import Console  # rich costs 100 ms that other commands need not pay

    console = console or Console()
    if console.is_terminal:
        _print_tables(result, console)
    else:
        console.out(_plain(result), highlight=False, end="")


def _title(result: BacktestResult) -> str:
    return f"{result.strategy} on {', '.join(result.symbols)}"


def _span(result: BacktestResult) -> str:
    first, last = iso_utc(result.first_bar_ns), iso_utc(result.last_bar_ns)
    return f"{result.bars:,} bars of {format_interval(result.interval_ns)}, {first} to {last}"


def _plain(result: BacktestResult) -> str:
    lines = [_title(result), _span(result)]
    for section in figure_sections(result):
        lines += ["", section.title, *(f"  {label}: {value}" for label, value in section.rows)]
    lines += ["", "Assumptions", *(f"  {text}" for text in assumptions(result))]
    return "\n".join(lines) + "\n"


def _print_tables(result: BacktestResult, console: "Console") -> None:
    from rich import box
    from rich.columns import Columns
    from rich.table import Table
    from rich.text import Text

    console.print(Text(_title(result), style="bold"))
    console.print(Text(_span(result), style="dim"))
    tables = []
    for section in figure_sections(result):
        table = Table(title=section.title, title_justify="left", box=box.SIMPLE, show_header=False)
        table.add_column(style="dim")
        table.add_column(justify="right")
        for label, value in section.rows:
            table.add_row(Text(label), Text(value, style=_style(label, value)))
        tables.append(table)
    console.print(Columns(tables))
    for text in assumptions(result):
        console.print(Text(f"\N{BULLET} {text}", style="dim"))


def _style(label: str, value: str) -> str:
    if label not in ("Net profit", "Return"):
        return ""
    return "red" if value.startswith("-") else "green"
