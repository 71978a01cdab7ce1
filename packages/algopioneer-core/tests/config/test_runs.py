"""Behaviour of configuration files and of flags laid over them."""

from decimal import Decimal
from pathlib import Path

import pytest
from attrs import frozen

from algopioneer_core.config.runs import Settings, parse_part, read_run_file
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import option, positive


@frozen(kw_only=True)
class Sample:
    size: Decimal = option(Decimal(1), help="Size.", validator=positive)
    width: int = option(2, help="Width.")


def _file(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_has_the_four_tables(tmp_path: Path) -> None:
    """Each table goes to what it configures."""
    file = read_run_file(
        _file(
            tmp_path,
            '[backtest]\nfee_bps = 1.10\n[strategy]\nkind = "x"\nw = 5\n'
            '[[exit]]\nkind = "stop-loss"\nloss = 2\n[plugins]\nallow = ["a"]\n',
        )
    )

    assert {"fee_bps": Decimal("1.10")} == file.backtest
    assert ("x", {"w": 5}) == (file.strategy_kind, file.strategy_values)
    assert [("stop-loss", {"loss": 2})] == [(e.kind, e.settings.filed) for e in file.exits]
    assert ("a",) == file.allow


def test_numbers_in_files_keep_their_digits(tmp_path: Path) -> None:
    """0.1 in a file is a tenth, and not the float next to it."""
    file = read_run_file(_file(tmp_path, "[backtest]\nfee_bps = 0.1\n"))

    assert "0.1" == str(file.backtest["fee_bps"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[backtset]\n", "unknown table 'backtset' .did you mean 'backtest'"),
        ("[zzz]\n", "known: backtest, strategy, legs, exit, venue, plugins"),
        ("backtest = 5\n", "'backtest' must be a table"),
        ("[strategy]\nw = 5\n", "strategy.kind: is required and missing"),
        ("[strategy]\nkind = 5\n", "strategy.kind: must be a name"),
        ("[exit]\nkind = 'x'\n", r"write \[\[exit\]\]"),
        ("[[exit]]\nloss = 1\n", r"exit\[0\].kind: is required"),
        ("[plugins]\nalow = []\n", "unknown option 'alow'"),
        ("[plugins]\nallow = 'a'\n", "must be a list of names"),
        ("[backtest]\n\nfee = = 5\n", r"run\.toml:3: is not valid TOML"),
    ],
)
def test_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file, and the line or table."""
    with pytest.raises(ConfigError, match=message) as caught:
        read_run_file(_file(tmp_path, text))

    assert "run.toml" in str(caught.value.where)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_run_file(tmp_path / "absent.toml")


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """A binary file is not taken for an empty one."""
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")

    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_run_file(path)


def test_flags_win_over_the_file() -> None:
    """What is typed now is what is meant."""
    settings = Settings("backtest", {"size": 2, "width": 3}, Path("run.toml"), {"size": "5"})

    assert Sample(size=Decimal(5), width=3) == settings.make(Sample)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (Settings("backtest", {"size": 0}, Path("run.toml")), "run.toml: backtest.size"),
        (Settings("backtest", {"size": 1}, Path("run.toml"), {"size": 0}), "--size"),
        (Settings("backtest", {"size": 0}), "backtest.size"),
    ],
)
def test_error_names_who_said_it(settings: Settings, place: str) -> None:
    """A wrong flag is told as a flag, a wrong key with its file."""
    with pytest.raises(ConfigError, match="must be positive") as caught:
        settings.make(Sample)

    assert place == caught.value.where


def test_part_is_read_from_one_word() -> None:
    """An exit policy and its settings fit one flag."""
    part = parse_part("stop-loss:loss-fraction=0.02, x=1", flag="--exit")

    assert "stop-loss" == part.kind
    assert {"loss_fraction": "0.02", "x": "1"} == part.settings.filed


@pytest.mark.parametrize("text", ["stop-loss:0.02", ":a=1", "", "stop-loss:=1"])
def test_part_that_is_not_one_is_refused(text: str) -> None:
    """The error shows how it is written."""
    with pytest.raises(ConfigError, match="write --exit KIND:key=value"):
        parse_part(text, flag="--exit")


def test_settings_of_venues_are_kept_by_name(tmp_path: Path) -> None:
    """Each knows its place, for the error about a wrong one."""
    path = tmp_path / "run.toml"
    path.write_text("[venue.kiosk]\npage = 7\n[venue.stall]\n", encoding="utf-8")

    venues = read_run_file(path).venues

    assert {"kiosk": {"page": 7}, "stall": {}} == {key: each.filed for key, each in venues.items()}
    assert f"{path}: venue.kiosk.page" == venues["kiosk"].place("page")
