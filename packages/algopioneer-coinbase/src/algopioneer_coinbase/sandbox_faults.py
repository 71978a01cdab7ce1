"""Faults of the local Coinbase, on demand: read from a file, played by anyio's clock."""

import json
from pathlib import Path
from typing import Final

import anyio

from algopioneer_coinbase.sandbox import CoinbaseSandbox
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.testing.fault_plans import Fault, FaultKind, FaultPlan

__all__ = ["SANDBOX_FAULTS", "apply_fault", "read_plan"]

_AT_NEXT: Final = (
    FaultKind.LOST_REQUEST,
    FaultKind.LOST_ACK,
    FaultKind.REJECT,
    FaultKind.RATE_LIMIT,
    FaultKind.SERVER_ERROR,
    FaultKind.DUPLICATE,
    FaultKind.REORDER,
    FaultKind.LATE_FILL,
    FaultKind.PARTIAL_FILL,
)
_LASTING: Final = (
    FaultKind.SILENCE,
    FaultKind.DELAYED_READ,
    FaultKind.DELAYED_FILL,
    FaultKind.OUTAGE,
    FaultKind.SLOW,
    FaultKind.HALF_OPEN,
    FaultKind.STALL,
)
SANDBOX_FAULTS: Final = (*_AT_NEXT, *_LASTING, FaultKind.DISCONNECT, FaultKind.GAP)
"""What `apply_fault` knows; draw plans of these kinds only."""


def read_plan(path: Path) -> FaultPlan:
    """
    Read a plan: a JSON list of `{"at_s": 5, "kind": "lost_ack", "duration_s": 0}`.

    Raises:
        ConfigError: The file cannot be read, or an entry is not such a fault.
    """
    try:
        rows = json.loads(path.read_bytes())
        return FaultPlan(
            Fault(
                int(row["at_s"] * NS_PER_SECOND),
                FaultKind(row["kind"]),
                duration_ns=int(row.get("duration_s", 0) * NS_PER_SECOND),
            )
            for row in rows
        ).of(*SANDBOX_FAULTS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"it is no plan of faults: {error}",
            where=str(path),
            remedy='write a list such as [{"at_s": 5, "kind": "lost_ack"}]; kinds are '
            + ", ".join(kind.value for kind in SANDBOX_FAULTS),
        ) from None


async def apply_fault(sandbox: CoinbaseSandbox, fault: Fault) -> None:
    """
    Have *fault*; return when it is over, or at once where it waits for the next occasion.

    Raises:
        ConfigError: It is none of `SANDBOX_FAULTS`.
    """
    kind = fault.kind
    if kind not in SANDBOX_FAULTS:
        raise ConfigError(f"the local exchange has no {kind.value}", where="fault")
    if kind in (FaultKind.DISCONNECT, FaultKind.OUTAGE):
        sandbox.streams.hang_up()
    if kind is FaultKind.GAP:
        sandbox.streams.skipped += 1
    elif kind is not FaultKind.DISCONNECT:
        sandbox.exchange.arm(kind.value)
    if kind in _LASTING:
        await anyio.sleep(fault.duration_ns / NS_PER_SECOND)
        sandbox.ease(kind.value)
