"""The command `algopioneer sandbox coinbase`: what it takes, and what it says of what is wrong."""

import math
import shlex
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import click
from attrs import evolve

from algopioneer_coinbase.sandbox import DEFAULT_CONFIG
from algopioneer_coinbase.sandbox_faults import read_plan
from algopioneer_coinbase.sandbox_market import file_market, synthetic_market
from algopioneer_coinbase.sandbox_products import DEFAULT_PRODUCTS
from algopioneer_coinbase.sandbox_server import (
    ALLOWED,
    PERMISSIONS,
    ServerOptions,
    ShiftedClock,
    serve,
)
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Clock
from algopioneer_core.wire.machine import SystemClock
from algopioneer_core.wire.tasks import tasks_for_block

__all__ = ["command"]

_UNNAMED: Final = "BTC-USD"
"""Whose bars a file has that is not named."""
_TRADED: Final = tuple(str(each["product_id"]) for each in DEFAULT_PRODUCTS)
_YEARS_S: Final = 10 * 366 * 86_400
"""By how much a clock can be wrong."""


class _Finite(click.FloatRange):
    """A number in a range; `nan` is in none, whatever comparisons say."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a number", param, ctx)
        return number


@click.command()
@click.option("--synthetic", is_flag=True, help="A synthetic market that ends now; the default.")
@click.option(
    "--bars",
    multiple=True,
    metavar="PRODUCT=FILE",
    help="Bars of a product (BTC-USD unless named), played from their middle; may be repeated.",
)
@click.option(
    "--speed",
    type=_Finite(min=0.01, max=10_000),
    default=1.0,
    show_default=True,
    help="How many times as fast the market moves; at 60 a minute takes a second.",
)
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON list of faults: at_s, kind, duration_s.",
)
@click.option(
    "--balance",
    multiple=True,
    metavar="ASSET=AMOUNT",
    help="What the account starts with, instead of the default; may be repeated.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65534),
    default=0,
    help="Of REST, and the next one of the websockets; 0 takes free ones.",
)
@click.option("--tls", is_flag=True, help="Serve TLS, with a certificate made for the occasion.")
@click.option("--ed25519", is_flag=True, help="Issue an Ed25519 key; P-256 otherwise.")
@click.option(
    "--permission",
    "permissions",
    type=click.Choice(PERMISSIONS),
    multiple=True,
    help="What the key may do, instead of view and trade; may be repeated.",
)
@click.option(
    "--clock-ahead",
    metavar="SECONDS",
    type=_Finite(min=-_YEARS_S, max=_YEARS_S),
    default=0.0,
    help="By how much the exchange's clock is ahead of this host's; negative is behind.",
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write everything that clients send to this file, as JSON lines.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Of the synthetic market.")
def command(
    synthetic: bool,
    bars: Sequence[str],
    speed: float,
    faults: Path | None,
    balance: tuple[str, ...],
    port: int,
    tls: bool,
    ed25519: bool,
    permissions: tuple[str, ...],
    clock_ahead: float,
    record: Path | None,
    seed: int,
) -> None:
    """Run a local Coinbase: REST and websockets, orders that match, checked signatures."""
    if synthetic and bars:
        raise click.UsageError("--synthetic and --bars exclude each other")
    clock = ShiftedClock(SystemClock(), int(clock_ahead * NS_PER_SECOND))
    now_ns = clock.now_ns()
    market = file_market(_files(bars), now_ns) if bars else synthetic_market(now_ns, seed)
    options = ServerOptions(
        market=market,
        speed=speed,
        plan=read_plan(faults) if faults else None,
        port=port,
        tls=tls,
        ed25519=ed25519,
        record=record,
        config=evolve(DEFAULT_CONFIG, balances=balance) if balance else DEFAULT_CONFIG,
        permissions=permissions or ALLOWED,
    )
    with tempfile.TemporaryDirectory(prefix="algopioneer-sandbox-") as folder:
        anyio.run(_serve_until_told, options, clock, Path(folder), backend="trio")


async def _serve_until_told(options: ServerOptions, clock: Clock, folder: Path) -> None:
    """Serve until SIGTERM, so that whoever stops the exchange leaves no certificate behind."""
    async with tasks_for_block() as tasks:
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            tasks.start_soon(serve, options, clock, folder, _print)
            async for _ in signals:
                return


def _print(values: Mapping[str, str]) -> None:
    """Print lines for a shell, then `ready`."""
    for name, value in values.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    click.echo("ready")


def _files(bars: Sequence[str]) -> Mapping[str, Path]:
    """Return the files of bars, by product."""
    found: dict[str, Path] = {}
    for text in bars:
        name, _, path = text.rpartition("=")
        name = name or _UNNAMED
        if name not in _TRADED or name in found:
            why = "has bars twice" if name in found else "is not traded here"
            raise ConfigError(
                f"{name} {why}",
                where="--bars",
                remedy="write PRODUCT=FILE once for each of " + ", ".join(_TRADED),
            )
        found[name] = Path(path)
    return found
