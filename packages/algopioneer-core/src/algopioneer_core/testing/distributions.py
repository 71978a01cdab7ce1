"""Installed distributions that exist only for a test: a folder to put on the import path."""

from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["write_distribution"]


def write_distribution(
    folder: Path,
    name: str,
    *,
    version: str = "1.0",
    plugins: Mapping[str, str],
    modules: Mapping[str, str],
    requires: Sequence[str] = (),
) -> Path:
    """
    Write what an installer leaves behind for a distribution that brings plugins.

    Args:
        folder: A folder on `sys.path` (or `PYTHONPATH`) of the code under test.
        name: Name of the distribution.
        version: Its version.
        plugins: Entry points of the group `algopioneer`: plugin name to module.
        modules: Source by module name; packages are made as the dots require.
        requires: Its requirements, as in its metadata.

    Returns:
        The folder.
    """
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (about / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    entries = [f"{plugin} = {module}" for plugin, module in plugins.items()]
    text = "\n".join(["[algopioneer]", *entries]) + "\n"
    (about / "entry_points.txt").write_text(text, encoding="utf-8")
    for module, source in modules.items():
        path = folder.joinpath(*module.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in path.parents[: module.count(".")]:
            (package / "__init__.py").touch()
        path.write_text(source, encoding="utf-8")
    return folder
