"""Live sessions against a local Coinbase, each in a process of its own, for tests of killing."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from attrs import define, field, frozen

from algopioneer_coinbase.sandbox_rest import ROOT
from algopioneer_coinbase.signing import Signer, read_private_key
from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.positions import Position
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.processes import started

COMMAND = (sys.executable, "-m", "algopioneer_core")
_EXPORT = re.compile(r"^export (\w+)=(.*)$")


@frozen
class Books:
    """What the exchange says at a time when nothing is under way."""

    cash: Mapping[str, Decimal]
    """Of each asset, everything together."""
    contracts: Mapping[str, Decimal]
    """Signed, by product."""
    fills: Mapping[str, tuple[Any, ...]]
    """Order, side, quantity, price and fee of each, by its id."""
    working: Sequence[str]
    """Client order ids of the orders that may still trade."""


@define(eq=False)
class LocalCoinbase:
    """A local exchange that outlives those who trade there."""

    environment: Mapping[str, str]
    http: httpx.Client = field(init=False)
    _signer: Signer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.environment["COINBASE_REST_URL"])
        key = read_private_key(self.environment["COINBASE_API_SECRET"])
        name = self.environment["COINBASE_API_KEY"]
        self._signer = Signer(name, key, lambda: uuid4().hex)

    def read(self, path: str, *query: tuple[str, str]) -> Any:
        """Return what a signed request of our own is answered."""
        full = f"{ROOT}{path}"
        token = self._signer.rest_token("GET", full, time.time_ns())
        asked = f"{full}?{urlencode(query)}"
        answer = self.http.get(asked, headers={"Authorization": f"Bearer {token}"})
        answer.raise_for_status()
        return answer.json()

    def patiently(self, path: str, *query: tuple[str, str]) -> Any:
        """Return it all the same while things go wrong there."""
        while True:
            try:
                return self.read(path, *query)
            except httpx.HTTPError:
                time.sleep(0.2)

    def fills(self) -> dict[str, tuple[Any, ...]]:
        """Return all executions, by id."""
        rows: list[dict[str, str]] = []
        cursor = "0"
        while cursor:
            page = self.patiently("/orders/historical/fills", ("cursor", cursor))
            rows, cursor = rows + page["fills"], page["cursor"]
        return {
            row["entry_id"]: (
                row["order_id"],
                row["product_id"],
                row["side"],
                *(Decimal(row[key]) for key in ("size", "price", "commission")),
            )
            for row in rows
        }

    def books(self) -> Books:
        """Return everything."""
        summary = self.patiently("/cfm/balance_summary")["balance_summary"]
        cash = {
            row["currency"]: Decimal(row["available_balance"]["value"])
            + Decimal(row["hold"]["value"])
            for row in self.patiently("/accounts", ("limit", "250"))["accounts"]
        }
        cash["USD"] += Decimal(summary["cfm_usd_balance"]["value"])
        contracts = {
            row["product_id"]: Decimal(row["number_of_contracts"])
            * (-1 if row["side"] == "SHORT" else 1)
            for row in self.patiently("/cfm/positions")["positions"]
        }
        listed = self.patiently("/orders/historical/batch", ("order_status", "OPEN"))["orders"]
        return Books(cash, contracts, self.fills(), [row["client_order_id"] for row in listed])


@contextmanager
def local_coinbase(
    folder: Path, faults: Sequence[Mapping[str, Any]], *words: str
) -> Iterator[LocalCoinbase]:
    """Serve a local exchange in a process of its own, at many times the speed of markets."""
    plan = folder / "faults.json"
    plan.write_text(json.dumps(list(faults)), "utf-8")
    command = (*COMMAND, "sandbox", "coinbase", "--speed", "120", "--faults", str(plan), *words)
    with started(*command, folder=folder) as process:
        exchange = LocalCoinbase(_exports(process))
        with exchange.http:
            yield exchange
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0, "the local exchange did not end in good order"


def _exports(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return the variables that the local exchange says once it is there."""
    assert process.stdout is not None
    variables = {}
    while (line := process.stdout.readline().strip()) != "ready":
        assert process.poll() is None, "the local exchange has ended"
        name, quoted = _EXPORT.fullmatch(line).groups()  # type: ignore[union-attr]
        (variables[name],) = shlex.split(quoted)
    return variables


@contextmanager
def _session(
    folder: Path, exchange: LocalCoinbase, words: Sequence[str]
) -> Iterator[subprocess.Popen[str]]:
    """Run a live session as a user would, for the block at the longest."""
    environment = {**os.environ, **exchange.environment}
    with (
        (folder / "session.log").open("a") as log,
        started(*COMMAND, *words, folder=folder, environment=environment, stderr=log) as process,
    ):
        yield process


def kill_at_fill(folder: Path, exchange: LocalCoinbase, words: Sequence[str], count: int) -> None:
    """Run the session until *count* more executions are in the exchange's books; then kill it."""
    wanted = len(exchange.fills()) + count
    with _session(folder, exchange, words) as process:
        _wait_for(process, folder, exchange, wanted)


def finish(folder: Path, exchange: LocalCoinbase, words: Sequence[str], count: int) -> str:
    """Run the session for *count* more executions, ask it to stop, and return its last words."""
    wanted = len(exchange.fills()) + count
    with _session(folder, exchange, words) as process:
        _wait_for(process, folder, exchange, wanted)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, _log(folder)
    return said


def _wait_for(
    process: subprocess.Popen[str], folder: Path, exchange: LocalCoinbase, wanted: int
) -> None:
    until, halts = time.monotonic() + 180, _halts(folder)
    while len(exchange.fills()) < wanted:
        assert process.poll() is None, _log(folder)
        assert time.monotonic() < until, _log(folder)
        if (halted := _halts(folder)) > halts:
            halts = halted
            _resume(folder)
        time.sleep(0.1)


def _halts(folder: Path) -> int:
    """Return how often the session's log says that legs were halted for want of an answer."""
    return (folder / "session.log").read_text("utf-8").count(" is halted")


def _resume(folder: Path) -> None:
    """Do what a person does who has been called, and has looked at the venue."""
    command = (*COMMAND, "resume", "--journal", "live.journal", "--reason", "looked at")
    subprocess.run(command, cwd=folder, check=False, capture_output=True)


def _log(folder: Path) -> str:
    return (folder / "session.log").read_text("utf-8")[-8_000:]


async def journalled_fills(path: Path) -> list[Fill]:
    """Return all executions that a journal has, in order."""
    async with open_journal(path, make_uuid=str, run_blocking=run_inline, create=False) as journal:
        bodies = [each.entry.body for each in journal.read(kinds=(EntryKind.EVENT,))]
    return [body.fill for body in bodies if isinstance(body, OrderFilled)]


def ledger(
    opening: Mapping[str, Decimal], fills: Sequence[Fill], instruments: Mapping[str, Instrument]
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return cash by asset and contracts by product that *fills* make of an opening balance."""
    cash, positions = dict(opening), dict[str, Position]()
    for fill in fills:
        instrument = instruments[fill.instrument_id.symbol]
        before = positions.get(instrument.id.symbol, Position(instrument))
        after = positions[instrument.id.symbol] = before.apply(fill)
        if instrument.delivers_base:
            signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
            cash[instrument.base] += signed
            cash[instrument.quote] -= signed * fill.price
        else:
            cash[instrument.quote] += after.realised - before.realised
        cash[fill.fee_asset] -= fill.fee
    contracts = {
        name: position.quantity
        for name, position in positions.items()
        if position.quantity and not position.instrument.delivers_base
    }
    return cash, contracts
