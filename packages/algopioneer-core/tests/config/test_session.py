"""Behaviour of session files."""

from decimal import Decimal
from pathlib import Path

import pytest

from algopioneer_core.config.session import SessionConfig, read_session
from algopioneer_core.config.session_options import (
    Backend,
    ExitOn,
    OnExhausted,
    OnRemove,
    Resume,
)
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.telemetry.config import LogFormat

MINUTE_NS = 60_000_000_000
VENUE = "[venue.acme]\n"
STRATEGY = '[[strategy]]\nkind = "trend"\ninstruments = ["BTC-USD"]\n'
SMALLEST = VENUE + STRATEGY


def _read(folder: Path, text: str, **environment: str) -> SessionConfig:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return read_session(path, environment)


def test_smallest_file_trades_on_paper(tmp_path: Path) -> None:
    """A venue and a strategy are enough; the rest is safe."""
    config = _read(tmp_path, SMALLEST)

    (strategy,) = config.strategies
    assert ("trend", (InstrumentId("acme", "BTC-USD"),)) == (strategy.name, strategy.instruments)
    assert (Decimal(1), None, None) == (
        strategy.capital_share,
        strategy.capital,
        strategy.interval_ns,
    )
    assert ("acme", True) == (config.venue("acme").kind, config.venue("acme").paper)
    assert not config.live
    assert Path("session.journal") == config.journal_path
    assert Decimal("0.05") == config.risk.daily_loss_fraction
    assert config.risk.check_minimums
    assert strategy.risk.is_off
    assert Decimal("0.1") == strategy.legs.max_imbalance
    assert config.web is None


def test_whole_file_is_read(tmp_path: Path) -> None:
    """Every table goes where it belongs, and the plugin's keys stay with the plugin."""
    config = _read(
        tmp_path,
        """
        [session]
        name = "desk"
        resume = "cursor"
        backend = "asyncio"
        interval = "5m"
        for = "8h"
        exit_on = "quote"
        capital = 1000
        [journal]
        path = "desk.db"
        record_inputs = true
        [venue.a]
        kind = "acme"
        host = "h-${REGION}"
        [venue.a.paper]
        taker_fee_bps = 2.5
        [venue.b]
        paper = false
        [[strategy]]
        kind = "pairs"
        name = "one"
        instruments = ["a:X", "b:Y"]
        interval = "1m"
        capital = 400
        history = 500
        on_remove = "drain"
        on_exhausted = "halt_all"
        window = 60
        [strategy.legs]
        short_mode = "inventory"
        max_imbalance = "off"
        [strategy.restart]
        budget = 2
        [strategy.risk]
        max_orders_per_second = 3
        [[strategy.exit]]
        kind = "stop-loss"
        loss = 5
        [[strategy]]
        kind = "trend"
        instruments = ["b:Y"]
        capital_share = 0.6
        [risk]
        daily_loss = 50
        price_collar = "off"
        [[recorder]]
        kind = "csv"
        path = "trades.csv"
        [[recorder]]
        kind = "csv"
        name = "second"
        [[notifier]]
        kind = "log"
        [web]
        port = 0
        [log]
        format = "json"
        throttle_s = 0
        [plugins]
        allow = ["acme"]
        """,
        REGION="eu",
    )

    assert (Resume.CURSOR, Backend.ASYNCIO, ExitOn.QUOTE) == (
        config.session.resume,
        config.session.backend,
        config.session.exit_on,
    )
    assert 480 * MINUTE_NS == config.session.run_for_ns
    assert Path("desk.db") == config.journal_path
    assert config.journal.record_inputs
    first, second = config.venues
    assert {"host": "h-eu"} == first.settings.filed
    assert {"taker_fee_bps": Decimal("2.5")} == first.fills.filed
    assert ("acme", True, "b", False) == (first.kind, first.paper, second.kind, second.paper)
    assert config.live
    pairs, trend = config.strategies
    assert (Decimal(400), None, MINUTE_NS) == (
        pairs.capital,
        pairs.capital_share,
        pairs.interval_ns,
    )
    assert 5 * MINUTE_NS == trend.interval_ns
    assert (500, OnRemove.DRAIN, OnExhausted.HALT_ALL) == (
        pairs.history,
        pairs.on_remove,
        pairs.on_exhausted,
    )
    assert {"window": 60} == pairs.settings.filed
    assert (ShortMode.INVENTORY, None) == (pairs.legs.short_mode, pairs.legs.max_imbalance)
    assert (True, False) == (pairs.legs_given, trend.legs_given)
    assert (2, 3) == (pairs.restart.budget, pairs.risk.max_orders_per_second)
    assert [("stop-loss", {"loss": 5})] == [(e.kind, e.settings.filed) for e in pairs.exits]
    assert (Decimal(50), None, None) == (
        config.risk.daily_loss,
        config.risk.daily_loss_fraction,
        config.risk.price_collar,
    )
    assert ["csv", "second"] == [each.name for each in config.recorders]
    assert ["log"] == [each.kind for each in config.notifiers]
    assert config.web is not None
    assert (0, LogFormat.JSON, ("acme",)) == (config.web.port, config.log.format, config.allow)


def test_environment_is_not_shown(tmp_path: Path) -> None:
    """The variables go along for secrets and never into a log."""
    config = _read(tmp_path, SMALLEST + 'note = "${TOKEN}"\n', TOKEN="s3cret")

    assert "s3cret" == config.strategies[0].settings.filed["note"]
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (STRATEGY, "strategy[0].instruments[0]", "is not an instrument .write it as venue:symbol"),
        (VENUE, "strategy", "there is no strategy"),
        ("[venu.x]\n" + STRATEGY, "venu", "unknown table 'venu' .did you mean 'venue'"),
        ("[zzz]\n", "zzz", "known: session, journal"),
        ("session = 1\n", "session", "must be a table"),
        ("[venue]\nacme = 1\n", "venue.acme", r"write \[venue\.acme\]"),
        ('[venue."a:b"]\n', "venue.a:b.kind", "is not a name for a venue"),
        ("[venue.acme]\npaper = 3\n", "venue.acme.paper", "must be true or false, not 3"),
        (VENUE + "[strategy]\nkind = 'x'\n", "strategy", r"write \[\[strategy\]\]"),
        ("strategy = [1]\n" + VENUE, "strategy[0]", "must be a table"),
        (VENUE + "[[strategy]]\nkind = 'x'\n", "strategy[0].instruments", "required and missing"),
        (
            VENUE + "[[strategy]]\nkind = 'x'\ninstruments = []\n",
            "strategy[0].instruments",
            "names nothing",
        ),
        (
            VENUE + "[[strategy]]\nkind = 'x'\ninstruments = ['a', 'acme:a']\n",
            "strategy[0].instruments[1]",
            "named twice",
        ),
        (
            VENUE + "[[strategy]]\nkind = 'x'\ninstruments = ['acm:a']\n",
            "strategy[0].instruments[0]",
            "there is no venue 'acm' for acm:a .did you mean 'acme'",
        ),
        (SMALLEST + "interval = '1M'\n", "strategy[0].interval", "is not a unit of time"),
        (SMALLEST + "capital = -1\n", "strategy[0].capital", "must be positive"),
        (
            SMALLEST + "capital = 1\ncapital_share = 1\n",
            "strategy[0].capital_share",
            "exclude each other",
        ),
        (SMALLEST + "name = 'a b'\n", "strategy[0].name", "is not a name"),
        (SMALLEST + "on_remove = 'drai'\n", "strategy[0].on_remove", "did you mean 'drain'"),
        (SMALLEST + "exit = 1\n", "strategy[0].exit", r"write \[\[strategy.exit\]\]"),
        (SMALLEST + "[[strategy.exit]]\n", "strategy[0].exit[0].kind", "required and missing"),
        (SMALLEST + "legs = 1\n", "strategy[0].legs", r"write \[strategy.legs\]"),
        (
            SMALLEST + "[strategy.legs]\nshort_mod = 1\n",
            "strategy[0].legs.short_mod",
            "did you mean 'short_mode'",
        ),
        (
            SMALLEST + "[strategy.restart]\nbackoff_s = 90\n",
            "strategy[0].restart.backoff_s",
            "above backoff_max_s",
        ),
        (SMALLEST + "[risk]\ndaily_los = 1\n", "risk.daily_los", "did you mean 'daily_loss'"),
        (SMALLEST + "[risk]\nday_zone = 'Mars'\n", "risk.day_zone", "Mars"),
        (SMALLEST + "[session]\nfor = 'x'\n", "session.for", "is not a length of time"),
        (SMALLEST + "[web]\nport = 70000\n", "web.port", "at most 65535"),
        (SMALLEST + "[log]\nlevel = 1.5\n", "log.level", "must be one of"),
        (SMALLEST + "[journal]\nsnapshot_every = 0\n", "journal.snapshot_every", "at least 1"),
        (SMALLEST + "[plugins]\nalow = 1\n", "plugins.alow", "known: allow"),
        ("recorder = 5\n" + SMALLEST, "recorder", r"write \[\[recorder\]\]"),
        (SMALLEST + "[[recorder]]\npath = 'x'\n", "recorder[0].kind", "required and missing"),
        (
            SMALLEST + "[[recorder]]\nkind = 'csv'\n" * 2,
            "recorder[1].name",
            r"'csv' is also the name of recorder\[0\]",
        ),
        (
            SMALLEST + "capital = 1\n" + STRATEGY + "capital = 1\n",
            "strategy[1].name",
            r"'trend' is also the name of strategy\[0\]",
        ),
        (
            SMALLEST + "capital = 1\n" + STRATEGY + "name = 'b'\n",
            "strategy[1].capital_share",
            "there are several strategies",
        ),
        (
            SMALLEST + "capital_share = 0.6\n" + STRATEGY + "name = 'b'\ncapital_share = 0.41\n",
            "strategy[1].capital_share",
            "the shares of capital sum to 1.01",
        ),
        (
            "[session]\ncapital = 10\n"
            + SMALLEST
            + "capital_share = 0.6\n"
            + STRATEGY
            + "name = 'b'\ncapital = 4.1\n",
            "strategy[1].capital",
            "given 10.10? together, which is more than 10",
        ),
    ],
)
def test_wrong_file_is_refused_with_its_place(
    tmp_path: Path, text: str, where: str, message: str
) -> None:
    """The error names the file and the key, says what is wrong and what to do."""
    with pytest.raises(ConfigError, match=message) as caught:
        _read(tmp_path, text)

    assert f"{tmp_path / 'run.toml'}: {where}" == caught.value.where


def test_shares_may_sum_to_more_where_leverage_is_allowed(tmp_path: Path) -> None:
    """Who allows it means it."""
    config = _read(
        tmp_path,
        "[session]\nleverage_allowed = true\ncapital = 10\n"
        + SMALLEST
        + "capital_share = 0.8\n"
        + STRATEGY
        + "name = 'b'\ncapital_share = 0.8\n",
    )

    assert 2 == len(config.strategies)


def test_missing_variable_is_named_with_its_key(tmp_path: Path) -> None:
    """An unset variable is not an empty text."""
    with pytest.raises(ConfigError, match="variable HOST is not set") as caught:
        _read(tmp_path, '[venue.acme]\nhost = "${HOST}"\n')

    assert str(caught.value.where).endswith("run.toml: venue.acme.host")
