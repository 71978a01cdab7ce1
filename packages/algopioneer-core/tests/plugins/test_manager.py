"""Behaviour of the plugin host with plugins that are installed, broken, doubled or forbidden."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from algopioneer_core.domain.errors import PluginError
from algopioneer_core.plugins.discovery import ALLOW_VARIABLE
from algopioneer_core.plugins.manager import PluginHost, load_plugins
from algopioneer_core.testing.distributions import write_distribution

_GOOD = """
from algopioneer_core.plugins import StrategySpec, hookimpl

@hookimpl
def algopioneer_strategies():
    return [StrategySpec(name="{name}", summary="s", factory="math:sqrt", aliases=({alias!r},))]
"""
_Install = Callable[..., None]


def _good(name: str, alias: str = "an-alias") -> str:
    return _GOOD.format(name=name, alias=alias)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Install]:
    """Return a function that installs a distribution with one plugin for the time of a test."""
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    imported: list[str] = []

    def add(
        distribution: str, source: str, *, plugin: str | None = None, requires: tuple[str, ...] = ()
    ) -> None:
        name = plugin or distribution
        module = f"{distribution.replace('-', '_')}_plugin_module"
        imported.append(module)
        folder = tmp_path / distribution
        write_distribution(
            folder,
            distribution,
            plugins={name: module},
            modules={module: source},
            requires=requires,
        )
        monkeypatch.syspath_prepend(str(folder))

    yield add
    for module in imported:
        sys.modules.pop(module, None)


def _errors(host: PluginHost) -> dict[str, PluginError]:
    return {broken.candidate.name: broken.error for broken in host.broken}


def test_installed_plugin_is_found_by_its_entry_point(install: _Install) -> None:
    """Installing a distribution is all that is needed."""
    install("good", _good("fresh-idea"))

    spec = load_plugins().strategies.get("fresh-idea")

    assert "math:sqrt" == spec.factory


def test_underscores_case_and_aliases_mean_the_same_strategy(install: _Install) -> None:
    """Names of other systems are understood."""
    install("good", _good("fresh-idea", alias="idea"))
    strategies = load_plugins().strategies

    found = {strategies.get(word).name for word in ("fresh_idea", "Fresh-Idea", "idea")}

    assert {"fresh-idea"} == found


def test_core_is_a_plugin_like_any_other(install: _Install) -> None:
    """What is bundled arrives through the same entry-point group."""
    host = load_plugins()

    origins = {item.spec.name: item.origin for item in host.exit_policies}

    version = importlib.metadata.version("algopioneer-core")
    assert f"algopioneer-core {version}" == origins["stop-loss"]


def test_plugin_that_raises_on_import_is_named_and_the_others_live(install: _Install) -> None:
    """One broken plugin does not take the rest down."""
    install("good", _good("fresh-idea"))
    install("bad", "raise RuntimeError('no licence file')")

    host = load_plugins()

    assert host.strategies.find("fresh-idea") is not None
    text = str(_errors(host)["bad"])
    assert "plugin 'bad' (bad 1.0)" in text
    assert "RuntimeError: no licence file" in text
    assert "pip uninstall bad" in text


def test_plugin_that_exits_on_import_does_not_end_the_program(install: _Install) -> None:
    """SystemExit in a plugin is a failure of that plugin."""
    install("bad", "import sys; sys.exit(3)")

    assert "SystemExit: 3" in str(_errors(load_plugins())["bad"])


def test_missing_module_is_named(install: _Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin whose own dependency is absent says which."""
    install("bad", "import dependency_that_is_not_there")

    text = str(_errors(load_plugins())["bad"])

    assert "No module named 'dependency_that_is_not_there'" in text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "from algopioneer_core.plugins import hookimpl\n"
            "@hookimpl\ndef algopioneer_strategys():\n    return []\n",
            "there is no hook algopioneer_strategys; did you mean algopioneer_strategies?",
        ),
        ("def algopioneer_strategies():\n    return []\n", "is not marked with @hookimpl"),
        ("x = 1\n", "implements no hook"),
        (
            "from algopioneer_core.plugins import hookimpl\n"
            "@hookimpl\ndef algopioneer_strategies():\n    return ['moving average']\n",
            "returned 'moving average', which is not a StrategySpec",
        ),
        (
            "from algopioneer_core.plugins import hookimpl\n"
            "@hookimpl\ndef algopioneer_strategies():\n    return None\n",
            "returned None, not a list of specs",
        ),
        (
            "from algopioneer_core.plugins import hookimpl\n"
            "@hookimpl\ndef algopioneer_strategies(config):\n    return []\n",
            "algopioneer_strategies",
        ),
        (
            "from algopioneer_core.plugins import hookimpl\n"
            "@hookimpl\ndef algopioneer_venues():\n    return 1 / 0\n",
            "ZeroDivisionError",
        ),
    ],
    ids=["misspelt", "unmarked", "no hook", "not a spec", "no list", "argument", "raises"],
)
def test_mistake_in_a_hook_breaks_only_its_plugin(
    install: _Install, source: str, reason: str
) -> None:
    """Each way to get a hook wrong is told with its reason."""
    install("bad", source)
    install("good", _good("fresh-idea"))

    host = load_plugins()

    assert reason in str(_errors(host)["bad"])
    assert host.strategies.find("fresh-idea") is not None


def test_range_of_core_that_excludes_the_installed_one_is_the_diagnosis(
    install: _Install,
) -> None:
    """A plugin made for another core says so, not only how it crashed."""
    install("bad", "raise ImportError('x')", requires=("algopioneer-core>=7,<8",))

    text = str(_errors(load_plugins())["bad"])

    assert "it was made for algopioneer-core<8,>=7" in text
    assert "pip install --upgrade bad" in text


def test_two_distributions_with_one_plugin_name_are_refused_by_name(install: _Install) -> None:
    """Neither is loaded, and the error names both."""
    install("one", _good("fresh-idea"), plugin="twin")
    install("two", _good("other-idea"), plugin="twin")
    host = load_plugins()

    assert host.strategies.find("fresh-idea") is None
    with pytest.raises(PluginError, match=r"'twin' is claimed by one 1\.0 and two 1\.0"):
        host.require_unambiguous()


def test_two_specs_with_one_name_are_refused_by_name(install: _Install) -> None:
    """It must be clear which code a name means."""
    install("one", _good("fresh-idea"))
    install("two", _good("fresh-idea", alias="other-alias"))

    with pytest.raises(
        PluginError, match=r"plugin 'one' \(one 1\.0\) and by plugin 'two' \(two 1\.0\)"
    ):
        load_plugins().require_unambiguous()


def test_alias_of_another_strategy_is_a_conflict_too(install: _Install) -> None:
    """An alias is a name."""
    install("one", _good("fresh-idea", alias="shared"))
    install("two", _good("other-idea", alias="shared"))

    with pytest.raises(PluginError, match="strategy 'shared'"):
        load_plugins().require_unambiguous()


def test_names_without_conflict_pass(install: _Install) -> None:
    """What is clear is not refused."""
    install("one", _good("fresh-idea"))

    load_plugins().require_unambiguous()


def test_unknown_name_suggests_the_nearest(install: _Install) -> None:
    """A misspelling costs one look at the message."""
    install("good", _good("fresh-idea"))

    with pytest.raises(PluginError, match="did you mean 'fresh-idea'"):
        load_plugins().strategies.get("fresh-ideo")


def test_known_name_that_is_not_installed_says_what_to_install(install: _Install) -> None:
    """The project's own plugins are known even where they are absent."""
    host = load_plugins(installed=[])

    with pytest.raises(PluginError, match="pip install algopioneer-strategies"):
        host.strategies.get("moving-average")
    with pytest.raises(PluginError, match="pip install algopioneer-kraken"):
        host.venues.get("kraken")
    with pytest.raises(PluginError, match=r"did you mean 'kraken'.*algopioneer-kraken"):
        host.venues.get("krakn")


def test_name_of_a_broken_plugin_leads_to_its_cause(install: _Install) -> None:
    """Who asks for something that broke is told what broke."""
    install("mine", "raise RuntimeError('no licence file')")

    with pytest.raises(PluginError, match="no licence file"):
        load_plugins().strategies.get("zzz")


def test_configured_list_keeps_others_from_being_imported(install: _Install) -> None:
    """A plugin that is not allowed is not even imported."""
    install("good", _good("fresh-idea"))
    install("bad", "raise RuntimeError('imported')")

    host = load_plugins(allow=["good"])

    assert () == host.broken
    assert ["bad"] == [c.name for c in host.not_allowed if c.name == "bad"]
    assert host.strategies.find("fresh-idea") is not None


def test_environment_replaces_the_configured_list(
    install: _Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable has the last word; core's own plugin is always there."""
    install("good", _good("fresh-idea"))
    monkeypatch.setenv(ALLOW_VARIABLE, "")

    host = load_plugins(allow=["good"])

    assert ["builtin"] == [plugin.candidate.name for plugin in host.loaded]


def test_allowing_what_is_not_installed_is_refused(
    install: _Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelling in the list would silently drop a plugin."""
    install("good", _good("fresh-idea"))
    monkeypatch.setenv(ALLOW_VARIABLE, "goood")

    with pytest.raises(PluginError, match=r"'goood' is allowed but not installed.*'good'"):
        load_plugins()


def test_listing_plugins_imports_nothing_heavy() -> None:
    """No strategy, no arrays, no event loop: measured in a fresh interpreter."""
    program = (
        "import sys\n"
        "from algopioneer_core.cli.main import main\n"
        "assert main(['plugins', 'list']) == 0\n"
        "heavy = {'numpy', 'trio', 'anyio', 'structlog', 'statsmodels', 'rich', 'pandas',\n"
        "         'pyarrow', 'plotly', 'cattrs', 'packaging', 'asyncio',\n"
        "         'algopioneer_core.engine', 'algopioneer_core.simulation',\n"
        "         'algopioneer_core.history', 'algopioneer_strategies.moving_average'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "[]" == done.stderr.strip()
    assert "builtin" in done.stdout
