"""The part of `doctor` that needs no venue: the plugin, its settings and secrets, the journal."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from algopioneer_core.bootstrap.components import component_config
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.journal.lock import holder_of
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.plugins.diagnosis import Finding, Tell, failed, not_checked, passed, warned
from algopioneer_core.plugins.discovery import api_mismatch
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.plugins.requirements import require_available
from algopioneer_core.plugins.specs import VenueSpec
from algopioneer_core.settings import settings_of

__all__ = ["Configured", "find_configuration", "find_dotenv", "find_journal", "find_plugin"]

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_REINSTALL: Final = "see the traceback with: algopioneer plugins check; or reinstall it"


@frozen
class Configured:
    """A venue's settings, checked."""

    config: Any
    secrets: tuple[str, ...]
    """Fields of the configuration that are secrets and were found."""
    is_complete: bool
    """Whether none is missing: there is an account."""


def find_plugin(host: PluginHost, name: str, tell: Tell) -> VenueSpec | None:
    """Look whether the venue's plugin works here; return its spec unless it is of no use."""
    for broken in host.broken:
        tell(warned("plugins", str(broken.error.message), broken.error.remedy or _REINSTALL))
    try:
        spec = host.venues.get(name)
        require_available(spec)
        spec.load_factory()
        spec.load_diagnosis()
    except AlgopioneerError as error:
        tell(failed("plugin", error, "see what is installed: algopioneer plugins list"))
        return None
    tell(_version(host, spec))
    return spec


def _version(host: PluginHost, spec: VenueSpec) -> Finding:
    (candidate,) = (each.candidate for each in host.loaded if spec in each.specs)
    mismatch = api_mismatch(candidate)
    if mismatch:
        return failed(
            "plugin",
            f"{candidate.origin}: {mismatch}",
            f"pip install --upgrade {candidate.distribution}",
        )
    return passed("plugin", f"{candidate.origin} loads, and was made for this version of the core")


def find_configuration(
    spec: VenueSpec, settings: Settings, environment: Mapping[str, str], tell: Tell
) -> Configured | None:
    """Check the venue's settings and look for its secrets; return them unless they are wrong."""
    try:
        config = component_config(spec, settings, environment)
    except AlgopioneerError as error:
        tell(failed("settings", error, f"see the page of {spec.name!r} for its settings"))
        return None
    secrets = [] if config is None else [each for each in settings_of(type(config)) if each.secret]
    found = tuple(each.field for each in secrets if getattr(config, each.field))
    names = {each.field: each.environment or each.key for each in secrets}
    missing = [name for field, name in names.items() if field not in found]
    if secrets:
        tell(_about_secrets(list(names.values()), missing))
    return Configured(config, found, not missing)


def _about_secrets(names: list[str], missing: list[str]) -> Finding:
    if not missing:
        return passed("secrets", f"set: {', '.join(names)}")
    return warned(
        "secrets",
        f"not set: {', '.join(missing)}; markets can be seen, and there is no account",
        f"export {missing[0]}=…, or write it into the file .env",
    )


def find_dotenv(path: Path, tell: Tell) -> None:
    """Look whether others on this machine can read the file with the secrets."""
    if os.name == "posix" and path.is_file() and path.stat().st_mode & _OTHERS:
        tell(
            warned(
                "secrets file",
                f"{path} can be read by other users of this host",
                f"chmod 600 {path}",
            )
        )


def find_journal(path: Path | None, tell: Tell) -> None:
    """Look whether a session could write its journal here; nothing is left behind."""
    tell(not_checked("journal", "name it with --journal FILE") if path is None else _journal(path))


def _journal(path: Path) -> Finding:
    holder = holder_of(path)
    if holder is not None:
        return failed(
            "journal", f"{path} is held by {holder}", "stop that one, or name another journal"
        )
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".doctor-") as file:
            file.write(b"\n")
            os.fsync(file.fileno())
        if path.exists():
            with path.open("r+b"):
                pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return failed(
            "journal", f"{path} cannot be written: {reason}", "make the directory, or allow writing"
        )
    return _content(path)


def _content(path: Path) -> Finding:
    if not path.exists():
        return passed("journal", f"{path} can be made, and nobody holds it")
    try:
        with SqliteStorage(path, read_only=True):
            return passed("journal", f"{path} can be written, and nobody holds it")
    except AlgopioneerError as error:
        return failed("journal", error, f"algopioneer journal verify --journal {path}")
