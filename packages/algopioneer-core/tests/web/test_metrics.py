"""The reference of metrics names them all, with their kinds and labels."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric

from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.web.counts import OUTCOMES, SessionCounts
from algopioneer_core.web.metrics import registry_of

REFERENCE = Path(__file__).resolve().parents[4] / "docs/reference/metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*)\| (.*) \|$", re.MULTILINE)


def _described(families: Iterable[Metric]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return kind and labels of each metric, by its name in the text format."""
    return {
        each.name + "_total" * (each.type == "counter"): (
            each.type,
            tuple(sorted({label for sample in each.samples for label in sample.labels})),
        )
        for each in families
    }


@pytest.mark.skipif(not REFERENCE.exists(), reason="the documentation is not part of a wheel")
def test_reference_has_every_metric_and_no_other(statuses: Any) -> None:
    """A dashboard can depend on the page."""
    counts = SessionCounts(lambda *_, **__: None)
    for event in (*OUTCOMES, LogEvent.ORDER_FILLED, LogEvent.FEED_UP):
        counts(event, strategy="trend", venue="sim", instrument="sim:COIN-USD")
    for event in (LogEvent.STRATEGY_CRASHED, LogEvent.STRATEGY_RESTARTED):
        counts(event, strategy="trend")
    registry = registry_of(statuses.session, counts)
    rows = ROW.findall(REFERENCE.read_text("utf-8"))
    written = {
        name: (kind, tuple(sorted(filter(None, labels.strip().split(", ")))))
        for name, kind, labels, _ in rows
    }
    assert written == _described(registry.collect())
    outcomes = next(about for name, _, _, about in rows if name == "algopioneer_orders_total")
    assert set(OUTCOMES.values()) == set(re.findall(r"`(\w+)`", outcomes))
