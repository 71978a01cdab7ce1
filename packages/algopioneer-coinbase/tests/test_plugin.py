"""What algopioneer-coinbase plugs in, and that all of it can be loaded."""

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from algopioneer_coinbase.config import CoinbaseConfig
from algopioneer_coinbase.plugin import CAPABILITIES
from algopioneer_coinbase.simulated import SimulatedCoinbase
from algopioneer_core.domain.capabilities import (
    Capability,
    FillReporting,
    IdempotentSubmit,
    Support,
)
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.plugins import VenueSpec
from algopioneer_core.plugins.manager import load_plugins
from algopioneer_core.settings import settings_of

HEAVY = (
    "anyio",
    "asyncio",
    "cattrs",
    "click",
    "httpx",
    "numpy",
    "pandas",
    "pyarrow",
    "rich",
    "structlog",
    "trio",
    "websockets",
)
"""What listing plugins must not import; each costs more than the whole listing may."""


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> VenueSpec:
    """Return what the plugin host has under the venue's name."""
    monkeypatch.setenv("ALGOPIONEER_PLUGINS", "coinbase")
    return load_plugins().venues.get("coinbase")


def test_the_plugin_is_found_through_its_entry_point() -> None:
    """The distribution claims one plugin name, and the module behind it can be imported."""
    (entry,) = entry_points(group="algopioneer", name="coinbase")
    assert entry.dist is not None
    assert entry.dist.name == "algopioneer-coinbase"
    assert entry.load().__name__ == "algopioneer_coinbase.plugin"


def test_the_venue_is_listed_with_its_name_and_a_summary(spec: VenueSpec) -> None:
    """Users choose it by this word and read this line."""
    assert spec.name == "coinbase"
    assert "Coinbase" in spec.summary
    assert spec.capabilities is CAPABILITIES


def test_listing_the_plugin_imports_nothing_heavy() -> None:
    """A fresh interpreter that loads the entry point has none of the slow libraries."""
    program = (
        "import sys; from importlib.metadata import entry_points; "
        "[e.load() for e in entry_points(group='algopioneer', name='coinbase')]; "
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_everything_that_the_spec_names_can_be_loaded(spec: VenueSpec) -> None:
    """The factory, the configuration, the command of the local exchange, and the simulation."""
    assert spec.available
    assert callable(spec.load_factory())
    assert spec.load_config() is CoinbaseConfig
    assert isinstance(spec.load_sandbox(), click.Command)
    assert spec.load_simulation() is SimulatedCoinbase


@pytest.mark.parametrize(
    "client_order_id", ["a1b2c3d4e5f6g7h8i9", "6d1b345e-2821-40e2-ad83-4ecb18a06876"]
)
def test_client_order_ids_of_the_two_common_forms_are_accepted(client_order_id: str) -> None:
    """Eighteen characters or a UUID are valid at every venue, so one maker of ids serves all."""
    assert CAPABILITIES.accepts_client_order_id(client_order_id)


def test_cancelling_all_never_means_the_whole_account() -> None:
    """No venue can cancel our orders alone in one request, so it is put together from several."""
    assert CAPABILITIES.supports(Capability.CANCEL_ALL) is Support.EMULATED


def test_a_submit_may_be_repeated_and_fills_arrive_as_totals() -> None:
    """A repeated id returns the first order; the order stream has no fill ids."""
    assert CAPABILITIES.idempotent_submit is IdempotentSubmit.ALWAYS
    assert CAPABILITIES.fill_reporting is FillReporting.CUMULATIVE
    assert CAPABILITIES.submit_deadline_ns is None


def test_spot_cannot_be_sold_short_and_futures_can() -> None:
    """The answer depends on the kind of instrument."""
    short = [Capability.SHORT_SELLING]
    assert CAPABILITIES.require(short, InstrumentKind.SPOT) == tuple(short)
    assert CAPABILITIES.require(short, InstrumentKind.FUTURE) == ()


def test_only_five_minute_bars_are_streamed_of_those_that_history_has() -> None:
    """Other intervals of live bars have to be built from trades."""
    assert CAPABILITIES.stream_bar_intervals_ns == (300_000_000_000,)
    assert set(CAPABILITIES.stream_bar_intervals_ns) < set(CAPABILITIES.history_bar_intervals_ns)


PAGE = Path(__file__).parents[1] / "README.md"
KINDS = (InstrumentKind.SPOT, InstrumentKind.FUTURE)
WORDS = {
    Support.NATIVE: "native",
    Support.EMULATED: "emulated",
    Support.UNSUPPORTED: "no",
}


def _declared_on_the_page() -> dict[tuple[Capability, InstrumentKind], str]:
    """Return the first word of each cell of the table of capabilities."""
    found: dict[tuple[Capability, InstrumentKind], str] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [each.strip() for each in line.strip("|").split("|")]
        names = re.findall(r"`([a-z-]+)`", cells[0])
        if len(cells) != 3 or not set(names) & {each.value for each in Capability}:
            continue
        for name in names:
            for kind, cell in zip(KINDS, cells[1:], strict=True):
                found[Capability(name), kind] = re.split(r"[:,\s]", cell)[0]
    return found


def test_the_page_says_what_is_declared() -> None:
    """Every capability, of spot and of futures."""
    assert _declared_on_the_page() == {
        (each, kind): WORDS[CAPABILITIES.supports(each, kind)]
        for each in Capability
        for kind in KINDS
    }


def test_the_page_names_every_setting_with_its_default() -> None:
    """As the class of the settings has them; secrets are variables."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    named: dict[str, str] = {}
    for row in rows:
        cells = [each.strip() for each in row.strip("|").split("|")]
        keys = re.findall(r"`([a-z_]+)`", cells[0])
        defaults = [each.strip() for each in cells[1].split(",")]
        named |= dict(zip(keys, defaults * len(keys), strict=False))
    for each in settings_of(CoinbaseConfig):
        if not each.secret:
            assert named[each.key] == str(each.default).lower(), each.key
