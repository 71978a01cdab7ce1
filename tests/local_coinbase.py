"""A local Coinbase on loopback, served from a thread for tests of whole commands."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import anyio
import pytest
import trio

from algopioneer_coinbase.sandbox_market import synthetic_market
from algopioneer_coinbase.sandbox_server import ServerOptions, serve
from algopioneer_core.ports import Clock
from algopioneer_core.wire.machine import SystemClock

__all__ = ["go_to", "local_coinbase"]


@contextmanager
def local_coinbase(
    folder: Path, *, clock: Clock | None = None, **options: Any
) -> Iterator[Mapping[str, str]]:
    """
    Serve for the length of a block.

    Args:
        folder: Where its certificate is put.
        clock: The exchange's time; by default the machine's.
        options: Of `ServerOptions`; by default a synthetic market at sixty times its speed.

    Yields:
        The variables that point the adapter there.
    """
    clock = clock or SystemClock()
    asked = {"market": synthetic_market(clock.now_ns(), seed=7), "speed": 60.0, **options}
    told: SimpleQueue[Mapping[str, str]] = SimpleQueue()
    scopes: SimpleQueue[Any] = SimpleQueue()

    async def run() -> None:
        with anyio.CancelScope() as scope:
            scopes.put((scope, trio.lowlevel.current_trio_token()))
            await serve(ServerOptions(**asked), clock, folder, told.put)

    thread = threading.Thread(target=lambda: anyio.run(run, backend="trio"))
    thread.start()
    scope, token = scopes.get(timeout=120)
    try:
        yield told.get(timeout=120)
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(120)


def go_to(folder: Path, exchange: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in *folder*, where it is known where the exchange is, and no key."""
    monkeypatch.chdir(folder)
    for name, value in exchange.items():
        if name.endswith("URL"):
            monkeypatch.setenv(name, value)
