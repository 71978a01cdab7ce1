"""Core's own plugin: what is bundled is found the same way as what strangers provide."""

from typing import Final

from algopioneer_core.domain.simulated_capabilities import PAPER_CAPABILITIES, REPLAY_CAPABILITIES
from algopioneer_core.plugins import (
    ExitPolicySpec,
    NotifierSpec,
    RecorderSpec,
    VenueSpec,
    hookimpl,
)

__all__ = [
    "algopioneer_exit_policies",
    "algopioneer_notifiers",
    "algopioneer_recorders",
    "algopioneer_venues",
]

_ROOM: Final = "algopioneer_core.engine"
_EXITS: Final = (
    (
        "minimum-profit",
        "exit_policies:MinimumProfit",
        "Refuse the strategy's exit below a net gain.",
    ),
    ("stop-loss", "exit_policies:StopLoss", "Leave at a net loss."),
    ("pnl-band", "exit_policies:PnlBand", "Leave at a net gain or at a net loss."),
    ("trailing-stop", "exit_policies:TrailingStop", "Leave when a gain has fallen from its best."),
    ("time-stop", "exit_policies:TimeStop", "Leave after a number of bars or seconds."),
    ("any-of", "exit_combinations:AnyOf", "Leave when one of several policies would."),
    ("all-of", "exit_combinations:AllOf", "Leave when all of several policies would."),
)
"""Name, reference within the engine, and summary; the configuration class is `<class>Config`."""


@hookimpl
def algopioneer_exit_policies() -> list[ExitPolicySpec]:
    """Rules for leaving a position, whether or not the strategy signals it."""
    return [
        ExitPolicySpec(
            name=name,
            summary=summary,
            factory=f"{_ROOM}.{reference}",
            config=f"{_ROOM}.{reference}Config",
        )
        for name, reference, summary in _EXITS
    ]


_RECORDERS: Final = "algopioneer_core.recorders"


@hookimpl
def algopioneer_recorders() -> list[RecorderSpec]:
    """Where finished trades are written."""
    return [
        RecorderSpec(
            name="csv",
            summary="Append trades to a CSV file, each once.",
            factory=f"{_RECORDERS}.file_recorder:open_csv_recorder",
            config=f"{_RECORDERS}.config:CsvRecorderConfig",
        ),
        RecorderSpec(
            name="jsonl",
            summary="Append trades to a file of JSON lines, each once.",
            factory=f"{_RECORDERS}.file_recorder:open_jsonl_recorder",
            config=f"{_RECORDERS}.config:JsonlRecorderConfig",
        ),
        RecorderSpec(
            name="memory",
            summary="Keep the latest trades in memory.",
            factory=f"{_RECORDERS}.memory:open_memory_recorder",
            config=f"{_RECORDERS}.config:MemoryRecorderConfig",
        ),
        RecorderSpec(
            name="structlog",
            summary="Write trades to the log.",
            factory=f"{_RECORDERS}.structured_log:open_log_recorder",
        ),
    ]


_NOTIFIERS: Final = "algopioneer_core.notifiers"


@hookimpl
def algopioneer_notifiers() -> list[NotifierSpec]:
    """How alerts reach people."""
    return [
        NotifierSpec(
            name="log",
            summary="Write alerts to the log.",
            factory=f"{_NOTIFIERS}.log:open_log_notifier",
        ),
        NotifierSpec(
            name="webhook",
            summary="Post alerts as JSON to a URL.",
            factory=f"{_NOTIFIERS}.webhook:open_webhook_notifier",
            config=f"{_NOTIFIERS}.config:WebhookConfig",
        ),
    ]


@hookimpl
def algopioneer_venues() -> list[VenueSpec]:
    """Venues that are simulated here."""
    return [
        VenueSpec(
            name="replay",
            summary="Bar files as a live feed, at any speed; market data only.",
            factory="algopioneer_core.bootstrap.replay:open_replay",
            config="algopioneer_core.config.replay:ReplayConfig",
            capabilities=REPLAY_CAPABILITIES,
        ),
        VenueSpec(
            name="paper",
            summary="A simulated account over another venue's markets.",
            factory="algopioneer_core.simulation.paper:open_paper",
            config="algopioneer_core.simulation.paper_config:PaperConfig",
            capabilities=PAPER_CAPABILITIES,
            shadows=True,
        ),
    ]
