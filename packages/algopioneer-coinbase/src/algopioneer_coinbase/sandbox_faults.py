"""Faults of the local Coinbase, on demand: read from a file, played by anyio's clock."""

from pathlib import Path
from typing import Annotated, Final

import anyio
import msgspec

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
_MOST_S: Final = 366 * 86_400
"""Nothing happens later than in a year, or lasts longer."""


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """An entry of a plan."""

    at_s: Annotated[float, msgspec.Meta(ge=0, le=_MOST_S)]
    kind: FaultKind
    duration_s: Annotated[float, msgspec.Meta(ge=0, le=_MOST_S)] = 0


def read_plan(path: Path) -> FaultPlan:
    """
    Read a plan: a JSON list of `{"at_s": 5, "kind": "silence", "duration_s": 3}`.

    Raises:
        ConfigError: The file cannot be read, or an entry is not such a fault: another kind than
            `SANDBOX_FAULTS`, or one that lasts and does not say for how long.
    """
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=list[_Row])
    except (OSError, msgspec.DecodeError) as error:
        raise _no_plan(path, str(error)) from None
    return FaultPlan([_fault_of(path, number, row) for number, row in enumerate(rows)])


def _fault_of(path: Path, number: int, row: _Row) -> Fault:
    if row.kind not in SANDBOX_FAULTS:
        raise _no_plan(path, f"the local exchange has no {row.kind.value} - at `$[{number}].kind`")
    if row.kind in _LASTING and not row.duration_s:
        why = f"{row.kind.value} needs a `duration_s` - at `$[{number}]`"
        raise _no_plan(path, why)
    at_ns, lasts_ns = (int(each * NS_PER_SECOND) for each in (row.at_s, row.duration_s))
    return Fault(at_ns, row.kind, duration_ns=lasts_ns)


def _no_plan(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"it is no plan of faults: {why}",
        where=str(path),
        remedy='write a list such as [{"at_s": 5, "kind": "silence", "duration_s": 3}]; kinds are '
        + ", ".join(kind.value for kind in SANDBOX_FAULTS),
    )


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
