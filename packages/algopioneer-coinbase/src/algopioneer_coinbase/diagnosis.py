"""Coinbase's part of `algopioneer doctor`: addresses, key, connection, clock, permissions."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs
from cryptography.hazmat.primitives.asymmetric import ec

from algopioneer_coinbase.access import Addresses, addresses_of, signer_of
from algopioneer_coinbase.config import MARKET_URL, REST_URL, USER_URL, CoinbaseConfig
from algopioneer_coinbase.messages import KeyPermissions
from algopioneer_coinbase.rest import CoinbaseRest, Pace
from algopioneer_coinbase.signing import LIFETIME_S, Signer
from algopioneer_coinbase.venue import PRODUCTION, Surroundings
from algopioneer_core.domain.errors import AuthenticationFailed, ConfigError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.plugins.diagnosis import (
    Finding,
    Tell,
    Verdict,
    clock_finding,
    failed,
    not_checked,
    passed,
    warned,
)
from algopioneer_core.ports import Clock
from algopioneer_core.wire.http import HttpClient

__all__ = ["diagnose"]

_OWN: Final = Addresses(REST_URL, MARKET_URL, USER_URL)
_VARIABLES: Final = {
    "rest": "COINBASE_REST_URL",
    "market": "COINBASE_MARKET_URL",
    "user": "COINBASE_USER_URL",
}
_SECURE: Final = ("https", "wss")
_KEY_NAME: Final = re.compile(r"organizations/[^/\s]+/apiKeys/[^/\s]+")
_READINGS: Final = 3
_WARN_NS: Final = NS_PER_SECOND
"""A token is good from the second it was made in: a host that is ahead sends some too early."""
_FAIL_NS: Final = 10 * NS_PER_SECOND
"""Far from what a clock does that is set by the network; at 120 s every token has expired."""
_NEW_KEY: Final = (
    "make a key at portal.cdp.coinbase.com under API keys, set COINBASE_API_KEY and "
    "COINBASE_API_SECRET to it"
)


async def diagnose(
    config: CoinbaseConfig, tell: Tell, surroundings: Surroundings = PRODUCTION
) -> None:
    """
    Examine Coinbase; see `algopioneer_core.plugins.diagnosis.Diagnose`.

    Raises:
        VenueUnavailable: It cannot be reached.
    """
    addresses = addresses_of(config)
    for each in _about_addresses(addresses):
        tell(each)
    signer = _key(config, surroundings, tell)
    clock, pace = surroundings.clock, Pace(config.private_per_second, config.public_per_second)
    async with HttpClient(addresses.rest, transport=surroundings.transport) as http:
        rest = CoinbaseRest(http, signer, clock, pace, surroundings.draw)
        readings = [await _reading(rest, clock) for _ in range(_READINGS)]
        tell(passed("connection", f"{http.host} answers{_how(addresses.rest)}"))
        clock_is = clock_finding(readings, warn_ns=_WARN_NS, fail_ns=_FAIL_NS)
        tell(clock_is)
        if signer is not None:
            await _ask_key(rest, tell, clock_is_right=clock_is.verdict is Verdict.OK)


def _how(url: str) -> str:
    return ", and its certificate is trusted" if urlsplit(url).scheme in _SECURE else ""


async def _reading(rest: CoinbaseRest, clock: Clock) -> tuple[int, int, int]:
    before = clock.now_ns()
    theirs = await rest.server_time_ns()
    return before, theirs, clock.now_ns()


# --- without the network ---------------------------------------------------------------------


def _about_addresses(addresses: Addresses) -> list[Finding]:
    if addresses == _OWN:
        return [passed("addresses", "Coinbase's own, over TLS")]
    urls = attrs.asdict(addresses)
    clear = {name: url for name, url in urls.items() if urlsplit(url).scheme not in _SECURE}
    other = not_checked("coinbase", "what is examined is another exchange, not Coinbase")
    return [_about_clear(clear) if clear else _about_secure(urls), other]


def _about_secure(urls: Mapping[str, str]) -> Finding:
    hosts = ", ".join(dict.fromkeys(urlsplit(url).netloc for url in urls.values()))
    return passed("addresses", f"over TLS: {hosts}")


def _about_clear(urls: Mapping[str, str]) -> Finding:
    """Return what is to be said about addresses that are not encrypted."""
    shown = ", ".join(dict.fromkeys(urls.values()))
    variables = " ".join(_VARIABLES[name] for name in urls)
    if all(_is_here(urlsplit(url).hostname or "") for url in urls.values()):
        return warned(
            "addresses", f"in clear, on this host: {shown}", f"for Coinbase: unset {variables}"
        )
    return failed(
        "addresses",
        f"not encrypted: {shown}",
        f"give addresses that begin with https or wss, or unset {variables}",
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _key(config: CoinbaseConfig, surroundings: Surroundings, tell: Tell) -> Signer | None:
    """Look at the form of the key; return what signs with it, where there is a good one."""
    try:
        signer = signer_of(config, surroundings.nonce)
    except ConfigError as error:
        tell(failed("key", error, _NEW_KEY))
        return None
    if signer is None:
        tell(not_checked("key", "there is none"))
        return None
    if not _KEY_NAME.fullmatch(signer.key_name):
        tell(
            failed(
                "key",
                "COINBASE_API_KEY is not of the form organizations/…/apiKeys/…",
                "give the key's whole name, as `name` in the file that Coinbase gave for it",
            )
        )
        return None
    kind = "P-256" if isinstance(signer.private_key, ec.EllipticCurvePrivateKey) else "Ed25519"
    tell(passed("key", f"well formed, of {kind}"))
    return signer


# --- with the key ----------------------------------------------------------------------------


async def _ask_key(rest: CoinbaseRest, tell: Tell, *, clock_is_right: bool) -> None:
    try:
        permissions = await rest.key_permissions()
    except AuthenticationFailed as error:
        tell(_refused(error, clock_is_right=clock_is_right))
        return
    tell(passed("authentication", "the key is accepted"))
    for each in _about_permissions(permissions):
        tell(each)
    tell(
        not_checked(
            "key",
            "from where it may be used: give it an allow-list of addresses at "
            "portal.cdp.coinbase.com",
        )
    )


def _refused(error: AuthenticationFailed, *, clock_is_right: bool) -> Finding:
    if clock_is_right:
        remedy = (
            "check that the name belongs to the private key, that the key is enabled, and that "
            f"this host is on its allow-list; else {_NEW_KEY}"
        )
    else:
        remedy = (
            f"set the clock first: what is signed here is good for {LIFETIME_S} s; if that does "
            "not help, check the key"
        )
    return failed("authentication", f"the key is not accepted: {error.message}", remedy)


def _about_permissions(permissions: KeyPermissions) -> list[Finding]:
    found = [
        passed("permission to view", "yes")
        if permissions.can_view
        else failed("permission to view", "no", f"{_NEW_KEY}, with view and trade"),
        passed("permission to trade", "yes")
        if permissions.can_trade
        else failed("permission to trade", "no", f"{_NEW_KEY}, with view and trade"),
    ]
    if not permissions.can_transfer:
        return [*found, passed("permission to transfer", "no, as it should be")]
    safer = f"{_NEW_KEY}, with view and trade and without transfer, and delete this one"
    text = "yes: who gets hold of this key can take the money out of the account"
    return [*found, failed("permission to transfer", text, safer)]
