import json
import math
from pathlib import Path

import pytest

from algopioneer_core.domain.errors import ExitCode, OutputError
from algopioneer_core.reports.output import (
    PartFile,
    prepare_output_dir,
    write_results_json,
    write_text,
)


def test_a_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    """It is empty afterwards: the probe is gone."""
    made = prepare_output_dir(tmp_path / "a" / "b")
    assert made.is_dir()
    assert list(made.iterdir()) == []


def test_an_existing_directory_is_kept(tmp_path: Path) -> None:
    """What is in it stays."""
    (tmp_path / "old.txt").write_text("x")
    prepare_output_dir(tmp_path)
    assert [tmp_path / "old.txt"] == list(tmp_path.iterdir())


def test_a_file_in_the_way_is_refused_before_the_run(tmp_path: Path) -> None:
    """The error names the path and a remedy, and is a usage error."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="taken: cannot write here") as caught:
        prepare_output_dir(tmp_path / "taken")
    assert ExitCode.USAGE is caught.value.exit_code
    assert "--output-dir" in (caught.value.remedy or "")


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    """A directory cannot be made below a file."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="not a directory"):
        prepare_output_dir(tmp_path / "taken" / "results")


def test_a_directory_that_takes_no_files_is_refused(tmp_path: Path) -> None:
    """Even where it can be seen: the probe finds out."""
    tmp_path.chmod(0o500)
    try:
        (tmp_path / "x").write_text("")
    except OSError:
        with pytest.raises(OutputError, match="permission denied"):
            prepare_output_dir(tmp_path)
    else:
        pytest.skip("this user may write everywhere")
    finally:
        tmp_path.chmod(0o700)


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """Until then the name shows the older file, and afterwards nothing else is left."""
    path = tmp_path / "a.csv"
    path.write_text("old")
    part = PartFile(path)
    part.write("new")
    assert path.read_text() == "old"
    part.commit()
    part.discard()
    assert path.read_text() == "new"
    assert [path] == list(tmp_path.iterdir())


def test_a_discarded_file_leaves_nothing(tmp_path: Path) -> None:
    """Discarding twice does no harm."""
    part = PartFile(tmp_path / "a.csv")
    part.write("half")
    part.discard()
    part.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_directory_is_an_output_error(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(OutputError, match="no such file or directory"):
        write_text(tmp_path / "missing" / "a.txt", "x")


def test_a_name_that_is_taken_by_a_directory_is_an_output_error(tmp_path: Path) -> None:
    """The rename fails, and the part is removed."""
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError, match="is a directory"):
        write_text(tmp_path / "a.txt", "x")
    assert [tmp_path / "a.txt"] == list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it shows while writing or while closing."""
    monkeypatch.setattr(
        "algopioneer_core.reports.output._part_name", lambda path: Path("/dev/full")
    )
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
    with pytest.raises(OutputError, match="no space left"):
        write_text(tmp_path / "a.txt", "x" * 100_000)
    with pytest.raises(OutputError, match="no space left"):
        write_text(tmp_path / "a.txt", "x")


def test_results_read_back_in_their_order(tmp_path: Path) -> None:
    """Keys stay in the order they were given; text is not escaped."""
    results = {"strategy": "grüße", "fees_paid": "0.1", "sharpe_ratio": None, "bars": 3}
    write_results_json(tmp_path / "results.json", results)
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert list(results.items()) == list(json.loads(text).items())
    assert "grüße" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_results_refuse_what_json_cannot_say(tmp_path: Path, number: float) -> None:
    """And leave no file behind."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results_json(tmp_path / "results.json", {"sharpe_ratio": number})
    assert list(tmp_path.iterdir()) == []
