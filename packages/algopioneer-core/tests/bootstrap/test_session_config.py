"""Behaviour of checking a session against the plugins that are installed."""

import sys
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from algopioneer_core.bootstrap.session_config import (
    CheckedSession,
    check_session,
    session_problems,
)
from algopioneer_core.bootstrap.session_view import secret_states, session_view
from algopioneer_core.config.session import make_session, read_session
from algopioneer_core.config.session_options import Resume
from algopioneer_core.config.toml_text import toml_text
from algopioneer_core.domain.capabilities import (
    Capabilities,
    Capability,
    FillReporting,
    IdempotentSubmit,
    Support,
)
from algopioneer_core.domain.errors import AlgopioneerError, ConfigError
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.domain.simulated_capabilities import REPLAY_CAPABILITIES
from algopioneer_core.plugins.discovery import Candidate
from algopioneer_core.plugins.manager import LoadedPlugin, PluginHost
from algopioneer_core.plugins.specs import (
    ExitPolicySpec,
    NotifierSpec,
    RecorderSpec,
    StrategySpec,
    VenueSpec,
)
from algopioneer_core.settings import at_least, option, secret

HERE = "session_here"
MINUTE_NS = 60_000_000_000


@frozen(kw_only=True)
class ShopConfig:
    """Of a venue that trades with money."""

    page: int = option(100, help="Rows.", validator=at_least(1))
    host: str = option("shop.example", help="Host.")
    key: str = secret(environment="SHOP_KEY", help="Key.")


@frozen(kw_only=True)
class TrendConfig:
    """Of a strategy."""

    window: int = option(20, help="Bars.", validator=at_least(2))


@frozen(kw_only=True)
class HookConfig:
    """Of a notifier that cannot do without its secret."""

    url: str = option(help="Where.")
    token: str = secret(environment="HOOK_TOKEN", help="Token.", required=True)


@frozen(kw_only=True)
class TapeConfig:
    """Of a venue that can have any name."""

    name: str = option("tape", help="Its name.")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve references to this module."""
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])


def _capabilities(*able: Capability, **changes: Any) -> Capabilities:
    wanted = (Capability.MARKET_ORDERS, Capability.LIMIT_ORDERS, *able)
    about: dict[str, Any] = {
        "support": dict.fromkeys(wanted, Support.NATIVE),
        "idempotent_submit": IdempotentSubmit.ALWAYS,
        "fill_reporting": FillReporting.SINGLE,
        "absence_after_ns": 1,
    }
    return Capabilities(**{**about, **changes})


def _venue(name: str, capabilities: Capabilities, **changes: Any) -> VenueSpec:
    config = f"{HERE}:ShopConfig" if name == "shop" else None
    about = {"name": name, "summary": "s", "factory": "a:b", "config": config}
    return VenueSpec(**{**about, "capabilities": capabilities, **changes})


STREAMS = {"stream_bar_intervals_ns": (5 * MINUTE_NS,)}
HOST = PluginHost(
    loaded=(
        LoadedPlugin(
            Candidate("here", HERE, "here", "1.0", lambda: None, tuple),
            (
                _venue(
                    "shop",
                    _capabilities(
                        Capability.TRADES, Capability.QUOTES, kinds=(InstrumentKind.SPOT,)
                    ),
                ),
                _venue(
                    "kiosk",
                    _capabilities(Capability.BARS_STREAM, Capability.SHORT_SELLING, **STREAMS),
                ),
                _venue("tape", REPLAY_CAPABILITIES, config=f"{HERE}:TapeConfig"),
                _venue("gone", _capabilities(), available=False, unavailable_reason="Moved."),
                _venue(
                    "paper",
                    REPLAY_CAPABILITIES,
                    shadows=True,
                    config="algopioneer_core.simulation.paper_config:PaperConfig",
                ),
                StrategySpec(
                    name="trend", summary="s", factory="a:b", config=f"{HERE}:TrendConfig"
                ),
                StrategySpec(
                    name="spread",
                    summary="s",
                    factory="a:b",
                    config=f"{HERE}:TrendConfig",
                    instruments=(2, 2),
                ),
                StrategySpec(
                    name="picky", summary="s", factory="a:b", requires=(Capability.POST_ONLY,)
                ),
                ExitPolicySpec(
                    name="stop-loss",
                    summary="s",
                    factory="algopioneer_core.engine.exit_policies:StopLoss",
                    config="algopioneer_core.engine.exit_policies:StopLossConfig",
                ),
                RecorderSpec(name="void", summary="s", factory="a:b"),
                NotifierSpec(name="hook", summary="s", factory="a:b", config=f"{HERE}:HookConfig"),
            ),
        ),
    ),
    broken=(),
    not_allowed=(),
    ambiguous=(),
)
SHOP = "[venue.shop]\n"
TAPE = "[venue.tape]\n"
TREND = "[[strategy]]\nkind = 'trend'\ninstruments = ['X-USD']\ninterval = '1m'\n"
SPREAD = "[[strategy]]\nkind = 'spread'\ninstruments = ['X', 'Y']\ninterval = '1m'\n"


def _check(text: str, **environment: str) -> CheckedSession:
    return check_session(make_session(tomllib.loads(text, parse_float=Decimal), environment), HOST)


def _problems(text: str, **environment: str) -> list[tuple[str | None, str]]:
    session = make_session(tomllib.loads(text, parse_float=Decimal), environment)
    return [(each.where, str(each)) for each in session_problems(session, HOST)]


def test_session_that_is_right_has_its_objects() -> None:
    """Every plugin's own class has checked its keys."""
    checked = _check(
        SHOP
        + "page = 50\n[venue.shop.paper]\nslippage_bps = 1\n"
        + TREND
        + "window = 30\n[[strategy.exit]]\nkind = 'stop-loss'\nloss = 5\n"
        + "[[recorder]]\nkind = 'void'\n[[notifier]]\nkind = 'hook'\nurl = 'u'\n",
        HOOK_TOKEN="t",
    )

    (strategy,) = checked.strategies
    assert TrendConfig(window=30) == strategy.config
    assert strategy.legs is None
    first, second = strategy.make_exits(), strategy.make_exits()
    assert ["stop-loss"] == [each.name for each in first]
    assert first[0] is not second[0]
    venue = checked.venue("shop")
    assert ShopConfig(page=50) == venue.config
    assert Decimal(1) == venue.paper_config.slippage_bps
    assert ["void", "hook"] == [each.name for each in (*checked.recorders, *checked.notifiers)]
    assert Resume.WALLCLOCK is checked.resume


def test_replay_needs_no_interval_and_is_taken_up_where_it_was() -> None:
    """Its files say how long a bar is, and its time stands still."""
    checked = _check(TAPE + "[[strategy]]\nkind = 'trend'\ninstruments = ['X']\n")

    assert Resume.CURSOR is checked.resume
    assert checked.venue("tape").replayed
    assert checked.strategies[0].table.interval_ns is None


def test_venue_that_can_have_any_name_has_that_of_its_table() -> None:
    """Its instruments begin with it; what the user says wins."""
    tables = "[venue.monday]\nkind = 'tape'\n[venue.tuesday]\nkind = 'tape'\nname = 'other'\n"
    trend = TREND.replace("X-USD", "monday:X-USD")
    checked = _check(tables + trend)

    names = [venue.config for venue in checked.venues]
    assert [TapeConfig(name="monday"), TapeConfig(name="other")] == names


def test_spread_has_the_rules_of_its_legs() -> None:
    """Everything can be sold short over files."""
    checked = _check(TAPE + SPREAD)

    assert checked.strategies[0].legs is not None
    assert Decimal("0.1") == checked.strategies[0].legs.max_imbalance


def test_venue_with_money_needs_its_secrets() -> None:
    """On paper the market data of this one are free."""
    live = "[venue.shop]\npaper = false\n" + TREND

    assert [("venue.shop.key",)] == [where[:1] for where in _problems(live)]
    assert "SHOP_KEY is not set" in _problems(live)[0][1]
    assert _check(live, SHOP_KEY="k").venue("shop").paper is None
    assert [] == _problems(SHOP + TREND)


def test_every_mistake_is_told() -> None:
    """One does not hide the next, and the first is what is raised."""
    text = (
        SHOP
        + "pge = 1\n"
        + TREND
        + "widow = 3\n[[strategy.exit]]\nkind = 'stop-los'\n"
        + "[[recorder]]\nkind = 'viod'\n"
    )

    found = _problems(text)

    assert [
        "venue.shop.pge",
        "strategy[0].widow",
        "strategy[0].exit[0].kind",
        "recorder[0].kind",
    ] == [where for where, _ in found]
    with pytest.raises(ConfigError, match="did you mean 'page'"):
        _check(text)


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("[venue.shp]\n" + TREND, "venue.shp.kind", "did you mean 'shop'"),
        ("[venue.gone]\n" + TREND, "venue.gone.kind", "cannot be used: Moved"),
        ("[venue.paper]\n" + TREND, "venue.paper.kind", "only stands over another"),
        (
            "[venue.tape]\npaper = false\n" + TREND,
            "venue.tape.paper",
            "no account to trade with",
        ),
        (
            "[venue.tape.paper]\nslipage_bps = 1\n" + TREND,
            "venue.tape.paper.slipage_bps",
            "did you mean 'slippage_bps'",
        ),
        (SHOP + "page = 0\n" + TREND, "venue.shop.page", "at least 1"),
        (
            "[session]\nresume = 'cursor'\n" + SHOP + TREND,
            "session.resume",
            "a live market cannot be taken up",
        ),
        (
            SHOP + TAPE + TREND.replace("X-USD", "shop:X"),
            "venue",
            "either replayed or live",
        ),
        (SHOP + TREND.replace("trend", "tred"), "strategy[0].kind", "did you mean 'trend'"),
        (
            TAPE + TREND.replace("['X-USD']", "['X', 'Y']"),
            "strategy[0].instruments",
            "trades 1 instrument, not 2",
        ),
        (SHOP + TREND.replace("trend", "picky"), "strategy[0].instruments", "needs post-only"),
        (
            SHOP + "[[strategy]]\nkind = 'trend'\ninstruments = ['X']\n",
            "strategy[0].interval",
            r"is required and missing.*interval = \"1h\"",
        ),
        (
            "[venue.kiosk]\n" + TREND,
            "strategy[0].interval",
            "has no bars of 1m .choose one of 5m",
        ),
        (
            "[session]\nexit_on = 'quote'\n[venue.kiosk]\n" + TREND.replace("1m", "5m"),
            "strategy[0].instruments",
            "has no quotes",
        ),
        (TAPE + TREND + "intervall = 3\n", "strategy[0].intervall", "did you mean 'interval'"),
        (
            TAPE + TREND + "[strategy.legs]\nshort_mode = 'margin'\n",
            "strategy[0].legs",
            "one instrument has no legs",
        ),
        (
            SHOP + SPREAD + "[strategy.legs]\nshort_mode = 'inventory'\n"
            "second_short_mode = 'margin'\n",
            "strategy[0].legs.second_short_mode",
            "shop:Y cannot be sold short at its venue .choose inventory",
        ),
        (
            TAPE + SPREAD + "[strategy.legs]\nshort_mode = 'none'\nsecond_short_mode = 'margin'\n",
            "strategy[0].legs.short_mode",
            "short_mode is none .choose inventory or margin or derivative",
        ),
        (
            SHOP + SPREAD + "[strategy.legs]\nshort_mode = 'derivative'\n"
            "second_short_mode = 'inventory'\n",
            "strategy[0].legs.short_mode",
            "its venue has none",
        ),
        (TAPE + TREND + "[[recorder]]\nkind = 'void'\nx = 1\n", "recorder[0].x", "nothing to"),
        (
            TAPE + TREND + "[[notifier]]\nkind = 'hook'\nurl = 'u'\n",
            "notifier[0].token",
            "HOOK_TOKEN is not set",
        ),
        (
            TAPE + TREND + "[[notifier]]\nkind = 'hook'\nurl = 'u'\ntoken = 's3cret'\n",
            "notifier[0].token",
            "a secret is not read from files",
        ),
    ],
)
def test_mistake_is_told_with_its_place(text: str, where: str, message: str) -> None:
    """The error has the key that is to be changed, and no secret."""
    with pytest.raises(AlgopioneerError, match=message) as caught:
        _check(text)

    assert where == caught.value.where
    assert [where] == [place for place, _ in _problems(text)]
    assert "s3cret" not in str(caught.value)


WHOLE = """
[session]
for = "1h"
[venue.shop]
host = "${SHOP_HOST}"
[venue.shop.paper]
balances = ["USD=5000"]
[[strategy]]
kind = "spread"
instruments = ["X", "Y"]
interval = "5m"
window = 30
[strategy.legs]
short_mode = "inventory"
max_imbalance = "off"
[[strategy.exit]]
kind = "stop-loss"
loss = 5.50
[risk]
price_collar = "off"
[[notifier]]
kind = "hook"
url = "https://h/${HOOK_TOKEN}?x=$${y}"
[web]
port = 9000
[plugins]
allow = ["here"]
"""
VARIABLES = {"SHOP_HOST": "s3cret", "HOOK_TOKEN": "t0ken"}


def test_what_is_shown_can_be_read_again_and_has_no_secret(tmp_path: Path) -> None:
    """Shown twice it is the same: no default or switched-off limit is lost."""
    checked = check_session(
        make_session(tomllib.loads(WHOLE, parse_float=Decimal), VARIABLES), HOST
    )
    shown = toml_text(session_view(checked))
    (tmp_path / "shown.toml").write_text(shown, "utf-8")

    again = check_session(read_session(tmp_path / "shown.toml", VARIABLES), HOST)

    assert shown == toml_text(session_view(again))
    assert checked.strategies[0].legs == again.strategies[0].legs
    assert checked.config.risk == again.config.risk
    assert "s3cret" not in shown
    assert "t0ken" not in shown
    assert 'host = "${SHOP_HOST}"' in shown
    assert 'url = "https://h/${HOOK_TOKEN}?x=$${y}"' in shown


def test_secrets_are_named_and_not_shown() -> None:
    """Whoever looks for the cause of a refusal sees which variable is empty."""
    checked = check_session(
        make_session(tomllib.loads(WHOLE, parse_float=Decimal), VARIABLES), HOST
    )

    assert {"SHOP_KEY": False, "HOOK_TOKEN": True} == secret_states(checked)
