"""`algopioneer plugins`: what is installed, and whether it works."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NoReturn

import click

from algopioneer_core.cli.kit import json_option, print_json
from algopioneer_core.domain.errors import PluginError
from algopioneer_core.plugins.discovery import Candidate, api_mismatch
from algopioneer_core.plugins.manager import LoadedPlugin, PluginHost, load_plugins
from algopioneer_core.plugins.specs import CommandSpec, Spec, VenueSpec

__all__ = ["check", "list_plugins", "plugins"]

_GAP: Final = "  "


@click.group()
def plugins() -> None:
    """List and check what is installed."""


@plugins.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """Show every plugin: where it comes from, what it provides, whether it could be loaded."""
    host = load_plugins()
    rows = list(_rows(host))
    if as_json:
        print_json({"plugins": rows, "problems": [str(error) for error in host.conflicts]})
    else:
        _print_table(rows)
        _print_errors(rows)
    for error in host.conflicts:
        _fail(error, as_json=as_json)


@plugins.command()
@json_option
def check(as_json: bool) -> None:
    """Import everything every plugin provides; show the traceback of what fails."""
    host = load_plugins()
    problems = [*_load_problems(host), *host.conflicts, *_reference_problems(host)]
    if as_json:
        print_json({"plugins": list(_rows(host)), "problems": [str(p) for p in problems]})
    else:
        for problem in problems:
            _print_traceback(problem)
    if problems:
        _fail(problems[0], as_json=as_json)
    if not as_json:
        click.echo(f"plugins without a fault: {len(host.loaded)}")


def _fail(error: PluginError, *, as_json: bool) -> NoReturn:
    """End with *error*; where JSON was printed already, without a second object."""
    if as_json:
        click.echo(f"error: {error}", err=True)
        click.get_current_context().exit(error.exit_code)
    raise error


def _rows(host: PluginHost) -> Iterator[dict[str, Any]]:
    for plugin in host.loaded:
        provides = [_provision(spec) for spec in plugin.specs]
        yield _row(plugin.candidate, "ok", provides=provides)
    for broken in host.broken:
        yield _row(broken.candidate, "broken", error=str(broken.error))
    for candidate in host.ambiguous:
        yield _row(candidate, "conflict", error=str(host.name_conflict(candidate.name)))
    for candidate in host.not_allowed:
        yield _row(candidate, "not allowed")


def _row(
    candidate: Candidate,
    status: str,
    *,
    provides: Iterable[dict[str, Any]] = (),
    error: str | None = None,
) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "distribution": candidate.distribution,
        "version": candidate.version,
        "status": status,
        "provides": list(provides),
        "error": error,
    }


def _provision(spec: Spec) -> dict[str, Any]:
    reason = None if getattr(spec, "available", True) else getattr(spec, "unavailable_reason", "")
    return {
        "kind": spec.kind,
        "name": spec.name,
        "summary": spec.summary,
        "unavailable": reason,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    lines = [("PLUGIN", "DISTRIBUTION", "VERSION", "STATUS", "PROVIDES")]
    for row in rows:
        first, *others = _provided_lines(row) or [""]
        lines.append((row["name"], row["distribution"], row["version"], row["status"], first))
        lines.extend(("", "", "", "", other) for other in others)
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)]
        click.echo(_GAP.join(cells).rstrip())


def _provided_lines(row: dict[str, Any]) -> list[str]:
    names: dict[str, list[str]] = {}
    for item in row["provides"]:
        note = " (not yet available)" if item["unavailable"] is not None else ""
        names.setdefault(item["kind"], []).append(item["name"] + note)
    return [f"{kind}: {', '.join(sorted(found))}" for kind, found in names.items()]


def _print_errors(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["status"] == "broken":
            click.echo(f"warning: {row['error']}", err=True)


def _load_problems(host: PluginHost) -> Iterator[PluginError]:
    for broken in host.broken:
        yield broken.error
    for plugin in host.loaded:
        mismatch = api_mismatch(plugin.candidate)
        if mismatch:
            yield PluginError(
                mismatch,
                where=f"plugin {plugin.candidate.name!r} ({plugin.candidate.origin})",
                remedy=f"pip install --upgrade {plugin.candidate.distribution}",
            )


def _reference_problems(host: PluginHost) -> Iterator[PluginError]:
    for plugin in host.loaded:
        for spec in plugin.specs:
            if getattr(spec, "available", True):
                yield from _unresolved(plugin, spec)


def _unresolved(plugin: LoadedPlugin, spec: Spec) -> Iterator[PluginError]:
    loaders: list[Callable[[], object]] = (
        [spec.load_command]
        if isinstance(spec, CommandSpec)
        else [spec.load_factory, spec.load_config]
    )
    if isinstance(spec, VenueSpec):
        loaders += [spec.load_sandbox, spec.load_diagnosis]
    for load in loaders:
        try:
            load()
        except PluginError as error:
            error.where = f"plugin {plugin.candidate.name!r} ({plugin.candidate.origin})"
            yield error


def _print_traceback(problem: PluginError) -> None:
    click.echo(str(problem))
    if problem.__cause__ is not None:
        click.echo("".join(traceback.format_exception(problem.__cause__)))
