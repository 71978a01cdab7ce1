"""What algopioneer-alpaca plugs in, and what it says while it cannot be used."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from algopioneer_alpaca.plugin import CAPABILITIES
from algopioneer_core.domain.capabilities import (
    Capability,
    FillReporting,
    IdempotentSubmit,
    Support,
)
from algopioneer_core.domain.errors import ExitCode, RefusedError
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.plugins import VenueSpec
from algopioneer_core.plugins.manager import load_plugins

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
    monkeypatch.setenv("ALGOPIONEER_PLUGINS", "alpaca")
    return load_plugins().venues.get("alpaca")


def test_the_plugin_is_found_through_its_entry_point() -> None:
    """The distribution claims one plugin name, and the module behind it can be imported."""
    (entry,) = entry_points(group="algopioneer", name="alpaca")
    assert entry.dist is not None
    assert entry.dist.name == "algopioneer-alpaca"
    assert entry.load().__name__ == "algopioneer_alpaca.plugin"


def test_the_venue_is_listed_with_its_name_and_a_summary(spec: VenueSpec) -> None:
    """Users choose it by this word and read this line."""
    assert spec.name == "alpaca"
    assert "Alpaca" in spec.summary
    assert spec.capabilities is CAPABILITIES


def test_listing_the_plugin_imports_nothing_heavy() -> None:
    """A fresh interpreter that loads the entry point has none of the slow libraries."""
    program = (
        "import sys; from importlib.metadata import entry_points; "
        "[e.load() for e in entry_points(group='algopioneer', name='alpaca')]; "
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_the_listing_says_that_it_is_not_available_yet(spec: VenueSpec) -> None:
    """Until there is an adapter the spec says so itself, with a sentence for the user."""
    assert not spec.available
    assert "does not connect to it yet" in spec.unavailable_reason


def test_choosing_the_venue_is_refused_with_the_reason_and_a_remedy(spec: VenueSpec) -> None:
    """Whoever opens it all the same gets one line and the exit code of a refusal."""
    connect = spec.load_factory()
    with pytest.raises(RefusedError) as caught:
        connect(None)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert str(caught.value) == (
        f"venue 'alpaca': {spec.unavailable_reason} "
        "(backtest on bars from a file: algopioneer backtest --data FILE)"
    )


@pytest.mark.parametrize(
    "client_order_id", ["a1b2c3d4e5f6g7h8i9", "6d1b345e-2821-40e2-ad83-4ecb18a06876"]
)
def test_client_order_ids_of_the_two_common_forms_are_accepted(client_order_id: str) -> None:
    """Eighteen characters or a UUID are valid at every venue, so one maker of ids serves all."""
    assert CAPABILITIES.accepts_client_order_id(client_order_id)


def test_cancelling_all_never_means_the_whole_account() -> None:
    """No venue can cancel our orders alone in one request, so it is put together from several."""
    assert CAPABILITIES.supports(Capability.CANCEL_ALL) is Support.EMULATED


def test_a_submit_is_not_repeated_and_fills_arrive_one_by_one() -> None:
    """How long an id stays taken is unconfirmed, so the careful answer is declared."""
    assert CAPABILITIES.idempotent_submit is IdempotentSubmit.WHILE_OPEN
    assert CAPABILITIES.fill_reporting is FillReporting.SINGLE
    assert CAPABILITIES.submit_deadline_ns is None


@pytest.mark.parametrize(
    ("capability", "equities", "crypto"),
    [
        (Capability.SHORT_SELLING, Support.NATIVE, Support.UNSUPPORTED),
        (Capability.EXTENDED_HOURS, Support.NATIVE, Support.UNSUPPORTED),
        (Capability.MARKET_HOURS, Support.NATIVE, Support.EMULATED),
        (Capability.IOC, Support.UNSUPPORTED, Support.NATIVE),
        (Capability.BOOK, Support.UNSUPPORTED, Support.NATIVE),
        (Capability.QUOTE_SIZED_SALES, Support.NATIVE, Support.NATIVE),
        (Capability.POST_ONLY, Support.UNSUPPORTED, Support.UNSUPPORTED),
    ],
)
def test_equities_and_crypto_differ(
    capability: Capability, equities: Support, crypto: Support
) -> None:
    """One account trades both, under different rules."""
    assert CAPABILITIES.supports(capability, InstrumentKind.EQUITY) is equities
    assert CAPABILITIES.supports(capability, InstrumentKind.SPOT) is crypto


def test_only_finished_minutes_are_streamed() -> None:
    """The stream's daily bar is a day that is not over, so it is not declared."""
    assert CAPABILITIES.stream_bar_intervals_ns == (60_000_000_000,)
