import subprocess
import sys
from importlib.metadata import entry_points

from algopioneer_strategies.config import MovingAverageConfig
from algopioneer_strategies.moving_average import MovingAverage
from algopioneer_strategies.plugin import algopioneer_strategies


def test_plugin_is_found_through_its_entry_point() -> None:
    """Installed distributions are found by the group `algopioneer`, not by name."""
    (found,) = (each for each in entry_points(group="algopioneer") if each.name == "strategies")
    assert found.dist is not None
    assert "algopioneer-strategies" == found.dist.name
    assert found.load().algopioneer_strategies is algopioneer_strategies


def test_spec_resolves_to_the_strategy_and_its_configuration() -> None:
    """The strings in the spec name things that exist, under the old name too."""
    (spec,) = (each for each in algopioneer_strategies() if each.name == "moving-average")
    assert ("moving_average",) == spec.aliases
    assert spec.load_factory() == MovingAverage.make
    assert spec.load_config() is MovingAverageConfig


def test_listing_strategies_imports_neither_arrays_nor_the_strategy() -> None:
    """What `plugins list` and `--help` pay for stays small."""
    code = (
        "import sys, algopioneer_strategies.plugin as p; p.algopioneer_strategies();"
        "print(sorted({'numpy', 'algopioneer_strategies.moving_average'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "[]" == answer.stdout.strip()
