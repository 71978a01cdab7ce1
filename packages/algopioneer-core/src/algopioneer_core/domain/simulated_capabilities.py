"""What the simulated venues can do: a replay of files, and a paper account over any venue."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve

from algopioneer_core.domain.capabilities import (
    Capabilities,
    Capability,
    FillReporting,
    IdempotentSubmit,
    Pushed,
    Support,
)

__all__ = ["PAPER_CAPABILITIES", "REPLAY_CAPABILITIES", "paper_capabilities", "replay_capabilities"]

_TERMS: Final = (
    Capability.MARKET_ORDERS,
    Capability.LIMIT_ORDERS,
    Capability.STOP_ORDERS,
    Capability.STOP_LIMIT_ORDERS,
    Capability.POST_ONLY,
    Capability.IOC,
    Capability.FOK,
    Capability.GTD,
    Capability.QUOTE_SIZED_ORDERS,
    Capability.QUOTE_SIZED_SALES,
    Capability.SHORT_SELLING,
    Capability.MARGIN,
    Capability.FRACTIONAL_QUANTITY,
)
"""What an order may ask for: a paper account allows what the venue it shadows allows."""
_ACCOUNT: Final = (
    Capability.CANCEL_ALL,
    Capability.ORDER_BY_CLIENT_ID,
    Capability.ORDER_STREAM,
    Capability.FILLS_HISTORY,
    Capability.BALANCES,
    Capability.POSITIONS,
    Capability.FEE_RATES,
    Capability.REDUCE_ONLY,
)
"""What a paper account does by itself, whatever the venue it shadows does."""
_NOT_SIMULATED: Final = (
    Capability.VALIDATE_ONLY,
    Capability.AMEND_ORDERS,
    Capability.DEAD_MANS_SWITCH,
    Capability.BALANCE_STREAM,
)

REPLAY_CAPABILITIES: Final = Capabilities(
    support={
        # Whatever the files have: which, is known once they are opened.
        Capability.QUOTES: Support.EMULATED,
        Capability.TRADES: Support.EMULATED,
        Capability.BARS_STREAM: Support.EMULATED,
        Capability.BARS_HISTORY: Support.EMULATED,
        Capability.MARKET_HOURS: Support.EMULATED,
    },
    idempotent_submit=IdempotentSubmit.NEVER,
    fill_reporting=FillReporting.SINGLE,
    absence_after_ns=1,
    bar_stamp="close",
    lockstep=True,
)
"""A replay of files, before any is opened: market data, and no account."""


def replay_capabilities(pushed: Sequence[Pushed]) -> Capabilities:
    """Return what a replay of files that hold this can do."""
    lengths = tuple(sorted({length for each in pushed for length in each.bar_intervals_ns}))
    kinds = {
        Capability.QUOTES: any(each.quotes for each in pushed),
        Capability.TRADES: any(each.trades for each in pushed),
        Capability.BARS_STREAM: bool(lengths),
        Capability.BARS_HISTORY: bool(lengths),
    }
    support = dict(REPLAY_CAPABILITIES.support)
    for capability, is_there in kinds.items():
        support[capability] = Support.NATIVE if is_there else Support.UNSUPPORTED
    if not lengths:  # built from ticks, of any length
        support[Capability.BARS_HISTORY] = Support.EMULATED
    return evolve(
        REPLAY_CAPABILITIES,
        support=support,
        history_bar_intervals_ns=lengths,
        stream_bar_intervals_ns=lengths,
    )


def paper_capabilities(shadow: Capabilities) -> Capabilities:
    """
    Return what a paper account over a venue can do.

    It shows the venue's markets as they are and allows the orders that the venue allows, as far as
    they can be simulated. Where the venue has no account at all (files), it allows all of them, and
    everything can be sold short.
    """
    orders = (Capability.MARKET_ORDERS, Capability.LIMIT_ORDERS)
    free = len(shadow.require(orders)) == len(orders)
    return evolve(
        shadow,
        support=_on_paper(shadow.support, free=free, whole=True),
        by_kind={
            kind: _on_paper(exceptions, free=free, whole=False)
            for kind, exceptions in shadow.by_kind.items()
        },
        idempotent_submit=IdempotentSubmit.NEVER if free else shadow.idempotent_submit,
        fill_reporting=FillReporting.SINGLE,
        submit_deadline_ns=None,
        absence_after_ns=1,
        in_process=True,
    )


def _on_paper(
    support: Mapping[Capability, Support], *, free: bool, whole: bool
) -> dict[Capability, Support]:
    ours = dict(support)
    if whole:
        ours |= dict.fromkeys(_ACCOUNT, Support.NATIVE)
    for capability in _NOT_SIMULATED:
        ours.pop(capability, None)
    for capability in _TERMS:
        if (whole and free) or ours.get(capability) is Support.EMULATED:
            ours[capability] = Support.NATIVE
    return ours


PAPER_CAPABILITIES: Final = paper_capabilities(REPLAY_CAPABILITIES)
"""A paper account over files; over another venue it has less (see `paper_capabilities`)."""
