"""The reference pages say what the code does."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import click
import pytest

from algopioneer_core.cli.backtest import backtest
from algopioneer_core.cli.control import flatten, halt, resume
from algopioneer_core.cli.demo import demo
from algopioneer_core.cli.doctor import doctor
from algopioneer_core.cli.dual_leg import dual_leg
from algopioneer_core.cli.history import download
from algopioneer_core.cli.main import main
from algopioneer_core.cli.parity import parity
from algopioneer_core.cli.portfolio import portfolio
from algopioneer_core.cli.run import run
from algopioneer_core.cli.trade import trade
from algopioneer_core.config.backtest import FAULTS
from algopioneer_core.config.instruments import InstrumentDescription
from algopioneer_core.domain.errors import ExitCode
from algopioneer_core.history.read_options import ACCEPTABLE
from algopioneer_core.plugins import hookspecs, specs
from algopioneer_core.settings import settings_of
from algopioneer_core.testing.distributions import write_distribution

_DOCS = Path(__file__).parents[4] / "docs"
pytestmark = pytest.mark.skipif(
    not _DOCS.is_dir(), reason="the documents are not beside this package"
)


def _page(name: str) -> str:
    return (_DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        backtest,
        trade,
        dual_leg,
        portfolio,
        run,
        demo,
        halt,
        resume,
        flatten,
        download,
        doctor,
        parity,
    ],
    ids=lambda each: str(each.name),
)
def test_every_flag_is_documented_with_its_help(command: click.Command) -> None:
    """The page and `--help` cannot drift apart."""
    page = _page("reference/cli.md")
    context = click.Context(command)
    records = filter(None, (param.get_help_record(context) for param in command.params))

    for flag, text in records:
        assert f"| `{flag.replace('|', chr(92) + '|')}` | {text} |" in page


def test_every_key_of_an_instruments_file_is_documented() -> None:
    """Each with its help."""
    page = _page("reference/cli.md")

    for setting in settings_of(InstrumentDescription):
        assert f"| `{setting.key}` | {setting.help}" in page


def test_every_exit_code_is_documented() -> None:
    """The table of codes is whole."""
    page = _page("reference/cli.md")

    for code in ExitCode:
        assert f"| {int(code)} | " in page


def test_every_hook_is_documented() -> None:
    """An author finds each hook in the reference."""
    page = _page("reference/plugins.md")

    hooks = [name for name in hookspecs.__all__ if name.startswith("algopioneer_")]
    assert hooks
    for hook in hooks:
        assert f"| `{hook}` |" in page


def test_every_field_of_a_spec_is_documented() -> None:
    """The table of specs has the fields of the classes."""
    page = _page("reference/plugins.md")
    spec_classes = [
        getattr(specs, name)
        for name in specs.__all__
        if re.fullmatch(r"(?!Component)\w+Spec", name)
    ]

    for spec in spec_classes:
        names = [each.name for each in attrs.fields(spec) if each.name not in ("name", "summary")]
        row = ", ".join(f"`{name}`" for name in names)
        assert f"| `{spec.__name__}` | {row} |" in page


def test_faults_are_those_of_the_reader() -> None:
    """The list in the help is the reader's, which is not imported for it; bars have no quotes."""
    assert sorted(ACCEPTABLE.keys() - {"crossed"}) == list(FAULTS)


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the strategy that the author's guide writes."""
    page = _page("howto/write-a-strategy.md")
    config, strategy, plugin = re.findall(r"(?ms)^```python\n(.*?)^```$", page)
    write_distribution(
        tmp_path,
        "acme-breakout",
        plugins={"breakout": "acme_breakout.plugin"},
        modules={
            "acme_breakout.config": config,
            "acme_breakout.strategy": strategy,
            "acme_breakout.plugin": plugin,
        },
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for module in [name for name in sys.modules if name.partition(".")[0] == "acme_breakout"]:
        del sys.modules[module]


def test_strategy_of_the_guide_has_its_flags_and_trades(
    guide: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the guide tells an author to write works, word for word."""
    assert 0 == main(["backtest", "--strategy", "breakout", "--help"])
    assert "--entry-window N" in capsys.readouterr().out

    words = ["--synthetic", "--market", "trending", "--duration", "2d", "--entry-window", "50"]
    assert 0 == main(["backtest", "--strategy", "breakout", *words])

    assert "breakout on SYN1-USD" in capsys.readouterr().out
