"""Behaviour of the examination of a venue, from a venue that is in memory."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve, field, frozen

from algopioneer_core.bootstrap.doctor import examine
from algopioneer_core.config.doctor import DoctorOptions
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.capabilities import Capabilities, Capability, Support
from algopioneer_core.domain.errors import (
    AuthenticationFailed,
    ConfigError,
    PluginError,
    VenueUnavailable,
)
from algopioneer_core.domain.events import InstrumentStatus
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Increment
from algopioneer_core.history.intervals import DAY_NS, HOUR_NS
from algopioneer_core.journal.lock import hold
from algopioneer_core.plugins.diagnosis import Finding, Tell, Verdict, failed, passed
from algopioneer_core.plugins.discovery import Candidate
from algopioneer_core.plugins.manager import BrokenPlugin, LoadedPlugin, PluginHost
from algopioneer_core.plugins.specs import VenueSpec
from algopioneer_core.ports import Balance
from algopioneer_core.settings import option, secret
from algopioneer_core.testing.clocks import VIRTUAL_START_NS
from algopioneer_core.testing.reference_modes import VenueModes

BITCOIN = Instrument(
    id=InstrumentId("kiosk", "BTC-USD"),
    base="BTC",
    quote="USD",
    price_increment=Increment(Decimal("0.01")),
    quantity_increment=Increment(Decimal("0.01")),
    minimum_quantity=Decimal("0.02"),
    minimum_notional=Decimal(10),
)
FUTURE = Instrument(
    id=InstrumentId("kiosk", "BTC-SOON"),
    base="BTC",
    quote="USD",
    kind=InstrumentKind.FUTURE,
    expiry_ns=VIRTUAL_START_NS + DAY_NS,
)
ENVIRONMENT = {"KIOSK_KEY": "hush"}
CAPABILITIES = evolve(
    VenueModes().capabilities(),
    support={**VenueModes().capabilities().support, Capability.BARS_HISTORY: Support.NATIVE},
    history_bar_intervals_ns=(HOUR_NS, DAY_NS),
)


@frozen(kw_only=True)
class KioskConfig:
    page: int = option(100, help="Rows in an answer.")
    key: str = secret(environment="KIOSK_KEY", help="Key.")


@frozen
class Kiosk:
    """A venue, its markets and its account in one; what it does is set by a test."""

    name: str = "kiosk"
    capabilities: Capabilities = CAPABILITIES
    prices: tuple[int, ...] = (100,)
    statuses: Mapping[InstrumentId, InstrumentStatus] = field(factory=dict)
    free: Decimal = Decimal(1_000)
    account_error: Exception | None = None
    hangs: bool = False

    @property
    def market_data(self) -> "Kiosk":
        return self

    @property
    def execution(self) -> "Kiosk":
        return self

    async def instruments(self) -> list[Instrument]:
        if self.hangs:
            await anyio.sleep_forever()
        return [BITCOIN, FUTURE]

    def status(self, instrument_id: InstrumentId) -> InstrumentStatus:
        return self.statuses.get(instrument_id, InstrumentStatus.TRADING)

    async def bars(self, instrument_id: InstrumentId, *_: int) -> list[Bar]:
        time = VIRTUAL_START_NS
        return [Bar(instrument_id, time, p, p, p, p, 1, 0, 0, time) for p in self.prices]

    async def balances(self) -> list[Balance]:
        if self.account_error is not None:
            raise self.account_error
        return [Balance("USD", self.free)]

    async def open_orders(self) -> list[Any]:
        return []

    @asynccontextmanager
    async def reports(self) -> AsyncIterator[None]:
        yield


async def _nothing(config: Any, tell: Tell) -> None:
    tell(passed("own", "all is well"))


class Setup:
    """What the references of the spec lead to."""

    kiosk = Kiosk()
    refuses: Callable[[KioskConfig], Exception | None] = staticmethod(lambda _: None)
    diagnosis: Callable[[Any, Tell], Any] = staticmethod(_nothing)


@asynccontextmanager
async def open_kiosk(config: KioskConfig) -> AsyncIterator[Kiosk]:
    """Open it, unless it is told to refuse."""
    error = Setup.refuses(config)
    if error is not None:
        raise error
    yield Setup.kiosk


async def diagnose(config: Any, tell: Tell) -> None:
    """Do what a test wants."""
    await Setup.diagnosis(config, tell)


SPEC = VenueSpec(
    name="kiosk",
    summary="For tests.",
    factory=f"{__name__}:open_kiosk",
    config=f"{__name__}:KioskConfig",
    capabilities=CAPABILITIES,
)
DIAGNOSED = evolve(SPEC, diagnosis=f"{__name__}:diagnose")


class Standing:
    """A clock that stands."""

    def now_ns(self) -> int:
        return VIRTUAL_START_NS


def candidate(name: str, *requirements: str) -> Candidate:
    """Return what is installed, as metadata tells it."""
    return Candidate(name, name, f"acme-{name}", "1.0", lambda: None, lambda: requirements)


def host_of(
    spec: VenueSpec, *requirements: str, broken: tuple[BrokenPlugin, ...] = ()
) -> PluginHost:
    """Return a host with one plugin."""
    loaded = LoadedPlugin(candidate("kiosk", *requirements), (spec,))
    return PluginHost((loaded,), broken, (), ())


@pytest.fixture(autouse=True)
def setup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let references lead to this very module, and begin each test with a venue that works."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(Setup, "kiosk", Kiosk())


def examined(
    host: PluginHost | VenueSpec = SPEC,
    *,
    environment: Mapping[str, str] = ENVIRONMENT,
    dotenv: Path = Path("no.env"),
    **asked: Any,
) -> dict[str, Finding]:
    """Return the findings by what was looked at; the last one counts where there are several."""
    told: list[Finding] = []
    settings = Settings("doctor", flags={"exchange": "kiosk", **asked})
    found = examine(
        settings.make(DoctorOptions),
        settings,
        host_of(host) if isinstance(host, VenueSpec) else host,
        environment,
        dotenv=dotenv,
        clock=Standing(),
        tell=told.append,
    )
    assert list(found) == told
    return {each.check: each for each in found}


def bad(findings: Mapping[str, Finding]) -> dict[str, str]:
    """Return what was said about the checks that failed."""
    return {check: each.text for check, each in findings.items() if each.verdict is Verdict.FAIL}


def test_a_venue_that_works_passes_every_check(tmp_path: Path) -> None:
    """From the plugin to the private stream."""
    found = examined(
        symbols="BTC-USD", order_size=Decimal("0.5"), journal=str(tmp_path / "x.journal")
    )
    assert {} == bad(found)
    assert "0.5 is worth 50 USD now" == found["order size BTC-USD"].text
    for check in ("journal", "plugin", "secrets", "symbol BTC-USD", "account", "private stream"):
        assert Verdict.OK is found[check].verdict
    assert Verdict.NOT_CHECKED is found["trading"].verdict
    assert [] == list(tmp_path.iterdir())


def test_what_was_not_asked_for_is_said(tmp_path: Path) -> None:
    """With the flag that asks for it."""
    found = examined()
    for check, flag in (("journal", "--journal"), ("symbols", "--symbols")):
        assert Verdict.NOT_CHECKED is found[check].verdict
        assert flag in found[check].text
    assert "--order-size" in found["order size"].text


def test_without_a_key_markets_are_looked_at_and_the_account_is_not() -> None:
    """It is a warning: paper trading needs no key."""
    found = examined(environment={}, symbols="BTC-USD")
    assert {} == bad(found)
    assert "KIOSK_KEY" in found["secrets"].remedy
    assert Verdict.OK is found["symbol BTC-USD"].verdict
    assert "there is no key" == found["private stream"].text


@pytest.mark.parametrize("spec", [SPEC, DIAGNOSED], ids=["by the account", "by the plugin"])
def test_a_refused_key_does_not_hide_the_markets(
    spec: VenueSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue is opened without it; whoever found it out, it is told once."""

    async def refuse(config: Any, tell: Tell) -> None:
        tell(failed("authentication", "401", "get another"))

    monkeypatch.setattr(Setup, "diagnosis", staticmethod(refuse))
    error = AuthenticationFailed("401")
    monkeypatch.setattr(Setup, "refuses", staticmethod(lambda asked: error if asked.key else None))

    found = examined(spec, symbols="BTC-USD")

    assert {"authentication"} == set(bad(found))
    assert Verdict.OK is found["symbol BTC-USD"].verdict
    assert "the key is not accepted" == found["account"].text


@pytest.mark.parametrize("how", ["diagnosis", "hang", "opening"])
def test_a_venue_that_is_away_ends_the_examination(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs it is not checked."""

    async def away(config: Any, tell: Tell) -> None:
        if how == "hang":
            await anyio.sleep_forever()
        raise VenueUnavailable("no route", where="kiosk")

    if how == "opening":
        error = VenueUnavailable("no route", where="kiosk")
        monkeypatch.setattr(Setup, "refuses", staticmethod(lambda _: error))
    else:
        monkeypatch.setattr(Setup, "diagnosis", staticmethod(away))
    monkeypatch.setattr("algopioneer_core.bootstrap.doctor._PATIENCE_S", 0.05)

    found = examined(SPEC if how == "opening" else DIAGNOSED, symbols="BTC-USD")

    assert {"connection"} == set(bad(found))
    assert "network" in found["connection"].remedy
    assert "symbol BTC-USD" not in found


def test_a_question_without_an_answer_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next ones are asked."""
    monkeypatch.setattr(Setup, "kiosk", Kiosk(hangs=True))
    monkeypatch.setattr("algopioneer_core.bootstrap.doctor_markets._PATIENCE_S", 0.05)
    found = examined(symbols="BTC-USD")
    assert {"markets": "no answer within 0.05 s"} == bad(found)
    assert Verdict.OK is found["private stream"].verdict


def test_symbols_are_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown, halted, and about to expire."""
    halted = {BITCOIN.id: InstrumentStatus.CANCEL_ONLY}
    monkeypatch.setattr(Setup, "kiosk", Kiosk(statuses=halted))
    found = examined(symbols="BTC-USD,BTC-SON,BTC-SOON")
    assert {"symbol BTC-USD", "symbol BTC-SON"} == set(bad(found))
    assert "it is cancel only" == found["symbol BTC-USD"].text
    assert "did you mean 'BTC-SOON'?" == found["symbol BTC-SON"].remedy
    assert Verdict.WARN is found["symbol BTC-SOON"].verdict
    monkeypatch.setattr(Setup, "kiosk", Kiosk(statuses={BITCOIN.id: InstrumentStatus.LIMIT_ONLY}))
    assert Verdict.WARN is examined(symbols="BTC-USD")["symbol BTC-USD"].verdict


@pytest.mark.parametrize(
    ("size", "prices", "problem"),
    [
        ("0.005", (100,), "not a multiple of the increment"),
        ("0.01", (2_000,), "below the minimum of 0.02"),
        ("0.05", (100,), "the value is below the minimum of 10"),
    ],
)
def test_an_order_of_the_wrong_size_is_told_with_the_rules(
    size: str, prices: tuple[int, ...], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grid, smallest quantity, smallest value at the last price."""
    monkeypatch.setattr(Setup, "kiosk", Kiosk(prices=prices))
    found = examined(symbols="BTC-USD", order_size=Decimal(size))["order size BTC-USD"]
    assert (Verdict.FAIL, True) == (found.verdict, problem in found.text)
    assert (
        "quantities by 0.01, prices by 0.01, at least 0.02, worth at least 10 USD" in found.remedy
    )


def test_what_cannot_be_valued_or_paid_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """No price; not enough money. A contract is not paid for like that."""
    monkeypatch.setattr(Setup, "kiosk", Kiosk(prices=()))
    found = examined(symbols="BTC-USD", order_size=Decimal(1))
    assert Verdict.WARN is found["order size BTC-USD"].verdict
    monkeypatch.setattr(Setup, "kiosk", Kiosk(free=Decimal(5)))
    found = examined(symbols="BTC-USD,BTC-SOON", order_size=Decimal(1))
    assert "a purchase costs 100 USD and fees, and 5 USD are free" == found["funds BTC-USD"].text
    assert "funds BTC-SOON" not in found


def test_an_account_that_cannot_be_read_fails_and_the_stream_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each question stands for itself."""
    monkeypatch.setattr(Setup, "kiosk", Kiosk(account_error=AuthenticationFailed("403")))
    found = examined()
    assert {"account": "403"} == bad(found)
    assert Verdict.OK is found["private stream"].verdict


def test_a_venue_without_orders_has_no_account() -> None:
    """An archive."""
    support = {Capability.BARS_HISTORY: Support.NATIVE}
    spec = evolve(SPEC, capabilities=evolve(CAPABILITIES, support=support))
    found = examined(spec)
    assert "the venue takes no orders" == found["account"].text


def test_plugins_that_do_not_work_are_told() -> None:
    """The venue's own, another one, one made for another core, and one that is not there."""
    other = BrokenPlugin(candidate("other"), PluginError("cannot be loaded", remedy="mend it"))
    found = examined(host_of(SPEC, "algopioneer-core>=7", broken=(other,)))
    assert {"plugin"} == set(bad(found))
    assert "pip install --upgrade acme-kiosk" == found["plugin"].remedy
    assert Verdict.WARN is found["plugins"].verdict
    assert {"plugin"} == set(bad(examined(evolve(SPEC, factory="no_such_module:x"))))
    gone = evolve(SPEC, available=False, unavailable_reason="it is not ready")
    assert "it is not ready" in bad(examined(gone))["plugin"]
    assert "symbols" not in examined(exchange="kisok")


def test_wrong_settings_are_a_finding_and_wrong_flags_an_error() -> None:
    """A finding has a remedy; a flag is refused as everywhere."""
    assert "unknown option" in bad(examined(venue=["pages=3"]))["settings"]
    with pytest.raises(ConfigError, match="is not a setting"):
        examined(venue=["page"])
    with pytest.raises(ConfigError, match="is not traded at"):
        examined(symbols="other:BTC-USD")


def test_a_venue_that_keeps_no_secret_needs_none() -> None:
    """It is not asked for any."""
    found = examined(evolve(SPEC, config=f"{__name__}:PlainConfig"), environment={})
    assert "secrets" not in found
    assert Verdict.OK is found["account"].verdict


@frozen
class PlainConfig:
    """Nothing to say."""

    key: str = ""


def test_a_journal_is_tried_and_left_as_it_is(tmp_path: Path) -> None:
    """Held, not a journal, no directory."""
    path = tmp_path / "x.journal"
    with hold(path):
        assert "is held by process" in bad(examined(journal=str(path)))["journal"]
    path.write_bytes(b"something else" * 100)
    found = examined(journal=str(path))["journal"]
    assert Verdict.FAIL is found.verdict
    assert b"something else" * 100 == path.read_bytes()
    found = examined(journal=str(tmp_path / "none" / "x.journal"))["journal"]
    assert "cannot be written: no such file or directory" in found.text


def test_a_journal_that_is_one_passes(tmp_path: Path) -> None:
    """It is opened to be read only."""
    from algopioneer_core.journal.sqlite_storage import SqliteStorage

    path = tmp_path / "x.journal"
    with SqliteStorage(path, create=True):
        pass
    before = path.read_bytes()
    assert Verdict.OK is examined(journal=str(path))["journal"].verdict
    assert before == path.read_bytes()


def test_a_file_of_secrets_that_others_read_is_told(tmp_path: Path) -> None:
    """With the command that mends it."""
    path = tmp_path / ".env"
    path.write_text("KIOSK_KEY=hush")
    path.chmod(0o644)
    assert f"chmod 600 {path}" == examined(dotenv=path)["secrets file"].remedy
    path.chmod(0o600)
    assert "secrets file" not in examined(dotenv=path)
