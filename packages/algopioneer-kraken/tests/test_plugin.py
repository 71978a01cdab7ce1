"""What algopioneer-kraken plugs in, and what it says while it cannot be used."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

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
from algopioneer_kraken.plugin import CAPABILITIES

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
    monkeypatch.setenv("ALGOPIONEER_PLUGINS", "kraken")
    return load_plugins().venues.get("kraken")


def test_the_plugin_is_found_through_its_entry_point() -> None:
    """The distribution claims one plugin name, and the module behind it can be imported."""
    (entry,) = entry_points(group="algopioneer", name="kraken")
    assert entry.dist is not None
    assert entry.dist.name == "algopioneer-kraken"
    assert entry.load().__name__ == "algopioneer_kraken.plugin"


def test_the_venue_is_listed_with_its_name_and_a_summary(spec: VenueSpec) -> None:
    """Users choose it by this word and read this line."""
    assert spec.name == "kraken"
    assert "Kraken" in spec.summary
    assert spec.capabilities is CAPABILITIES


def test_listing_the_plugin_imports_nothing_heavy() -> None:
    """A fresh interpreter that loads the entry point has none of the slow libraries."""
    program = (
        "import sys; from importlib.metadata import entry_points; "
        "[e.load() for e in entry_points(group='algopioneer', name='kraken')]; "
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
        f"venue 'kraken': {spec.unavailable_reason} "
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


def test_a_submit_is_never_repeated_and_fills_arrive_one_by_one() -> None:
    """An id is free again when its order ends, so a late request is killed by its deadline."""
    assert CAPABILITIES.idempotent_submit is IdempotentSubmit.WHILE_OPEN
    assert CAPABILITIES.fill_reporting is FillReporting.SINGLE
    assert CAPABILITIES.submit_deadline_ns == 5_000_000_000


def test_only_the_newest_bars_can_be_had() -> None:
    """History does not reach back further than one answer."""
    assert CAPABILITIES.history_depth_bars == CAPABILITIES.history_page_bars == 720


@pytest.mark.parametrize(
    ("client_order_id", "accepted"),
    [
        ("6d1b345e282140e2ad834ecb18a06876", True),
        ("arb-20240509-00010", True),
        ("arb-20240509-000100", False),
        ("6d1b345e-2821-40e2-ad83-4ecb18a0687", False),
        ("6d1b345e-2821-40e2-ad83-4ecb18a0687g", False),
    ],
)
def test_client_order_ids_have_one_of_three_forms(client_order_id: str, accepted: bool) -> None:
    """A UUID with or without hyphens, or free text of at most eighteen characters."""
    assert CAPABILITIES.accepts_client_order_id(client_order_id) is accepted


def test_only_spot_is_traded_here() -> None:
    """Kraken Futures is another exchange and will be another venue."""
    assert CAPABILITIES.supports(Capability.SHORT_SELLING) is Support.NATIVE
    assert (
        CAPABILITIES.supports(Capability.MARKET_ORDERS, InstrumentKind.PERPETUAL)
        is Support.UNSUPPORTED
    )
