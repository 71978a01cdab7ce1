"""The distributions of `examples/` as their users have them: built and installed from a wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*words: str, folder: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a module of this interpreter in *folder*, with *path* to import from too."""
    environment = os.environ | {"COLUMNS": "120"}
    environment.pop("ALGOPIONEER_PLUGINS", None)
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def copied(name: str, folder: Path) -> Path:
    """Copy the example out of the checkout, as its author would have it."""
    ignored = shutil.ignore_patterns("ruff.toml", "dist", ".*", "__pycache__")
    return Path(shutil.copytree(ROOT / "examples" / name, folder / name, ignore=ignored))


def install(source: Path, folder: Path) -> Path:
    """Build the wheel of *source*, install it, and return the folder it was installed into."""
    built, installed = folder / "dist", folder / "installed"
    built.mkdir()
    build = run("hatchling", "build", "-t", "wheel", "-d", str(built), folder=source)
    assert build.returncode == 0, build.stderr
    [wheel] = built.glob("*.whl")
    # Its dependencies are here already, and nothing may be fetched.
    offline = ["--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    done = run(
        "pip", "install", "-q", *offline, "--target", str(installed), str(wheel), folder=built
    )
    assert done.returncode == 0, done.stderr
    return installed
