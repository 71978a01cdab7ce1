"""
`doctor`: is everything there that a session at a venue needs?

From what costs nothing to know to what only the open venue can tell. A check that needs one that
failed is not made, and says so. Nothing is changed, and no order is placed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio
import attrs

from algopioneer_core.bootstrap.doctor_account import ask_account, has_orders, skip_account
from algopioneer_core.bootstrap.doctor_local import (
    Configured,
    find_configuration,
    find_dotenv,
    find_journal,
    find_plugin,
)
from algopioneer_core.bootstrap.doctor_markets import Wanted, ask_markets, ask_sizes
from algopioneer_core.bootstrap.history_checks import instrument_id_at
from algopioneer_core.bootstrap.venues import made_venue, opened_within, run_waiting
from algopioneer_core.config.doctor import DoctorOptions
from algopioneer_core.config.runs import Settings, assigned
from algopioneer_core.domain.errors import AlgopioneerError, AuthenticationFailed, VenueUnavailable
from algopioneer_core.plugins.diagnosis import Finding, Tell, Verdict, failed, not_checked
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.plugins.specs import VenueSpec
from algopioneer_core.ports import Clock

__all__ = ["examine"]

_PATIENCE_S: Final = 60.0
_KEY_CHECKS: Final = ("key", "authentication")
"""What a venue's own part calls the checks without which there is no account."""
_CONNECT: Final = "check the network, the address, and the venue's status page"
_UNSEEN: Final = "whether the venue takes an order: none is placed here, so begin with a small one"


def examine(
    options: DoctorOptions,
    asked: Settings,
    host: PluginHost,
    environment: Mapping[str, str],
    *,
    dotenv: Path,
    clock: Clock,
    tell: Tell,
) -> tuple[Finding, ...]:
    """
    Examine a venue; each finding is told when it is made. Returns all of them.

    Args:
        options: What to examine.
        asked: The same with its places, for messages.
        host: The plugins.
        environment: Where secrets are read from.
        dotenv: The file that some of them come from, where it exists.
        clock: The present time.
        tell: Takes the findings.

    Raises:
        ConfigError: A flag is wrong.
    """
    findings: list[Finding] = []

    def take(finding: Finding) -> None:
        findings.append(finding)
        tell(finding)

    find_dotenv(dotenv, take)
    find_journal(None if options.journal is None else Path(options.journal), take)
    spec = find_plugin(host, options.exchange, take)
    if spec is not None:
        settings = Settings(f"venue.{spec.name}", flags=assigned(options.venue, "--venue"))
        ids = tuple(instrument_id_at(name, spec, asked) for name in options.names)
        wanted = Wanted(ids, options.order_size, clock.now_ns())
        configured = find_configuration(spec, settings, environment, take)
        if configured is not None:
            run_waiting(lambda: _ask(spec, configured, wanted, findings, take))
    return tuple(findings)


async def _ask(
    spec: VenueSpec, configured: Configured, wanted: Wanted, findings: list[Finding], tell: Tell
) -> None:
    if not await _diagnosed(spec, configured, tell):
        tell(not_checked("markets and account", "the venue cannot be reached"))
        return
    key_is_bad = any(
        each.verdict is Verdict.FAIL and each.check in _KEY_CHECKS for each in findings
    )
    why = "the key is not accepted" if key_is_bad else "there is no key"
    has_key = configured.is_complete and not key_is_bad
    await _open(spec, configured, wanted, tell, without_key="" if has_key else why)
    tell(not_checked("trading", _UNSEEN))


async def _diagnosed(spec: VenueSpec, configured: Configured, tell: Tell) -> bool:
    """Let the venue's plugin look; return whether the venue can be reached."""
    diagnose = spec.load_diagnosis()
    if diagnose is None:
        return True
    try:
        with anyio.fail_after(_PATIENCE_S):
            await diagnose(configured.config, tell)
    except VenueUnavailable as error:
        tell(failed("connection", error, _CONNECT))
        return False
    except TimeoutError:
        tell(failed("connection", f"no answer within {_PATIENCE_S:g} s", _CONNECT))
        return False
    return True


async def _open(
    spec: VenueSpec, configured: Configured, wanted: Wanted, tell: Tell, *, without_key: str
) -> None:
    """
    Open the venue and ask it, without its key where that is of no use.

    Args:
        spec: The venue.
        configured: Its settings.
        wanted: What is to be traded.
        tell: Takes the findings.
        without_key: Why the key is left out; empty where it is used.
    """
    config = configured.config
    if without_key and configured.secrets:
        config = attrs.evolve(config, **dict.fromkeys(configured.secrets, ""))
    is_open = False
    try:
        async with opened_within(made_venue(spec, config), _PATIENCE_S, spec.name) as venue:
            is_open = True
            instruments = await ask_markets(venue, wanted, tell)
            worth = await ask_sizes(venue, instruments, wanted, tell)
            if not has_orders(spec.capabilities):
                skip_account("the venue takes no orders", tell)
            elif without_key:
                skip_account(without_key, tell)
            else:
                await ask_account(venue, instruments, worth, tell)
    except AuthenticationFailed as error:
        if is_open or without_key:
            raise
        tell(failed("authentication", error, "check the key"))
        await _open(spec, configured, wanted, tell, without_key="the key is not accepted")
    except AlgopioneerError as error:
        tell(failed("connection", error, _CONNECT))
