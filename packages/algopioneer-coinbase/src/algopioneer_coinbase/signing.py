"""
Tokens that prove who asks: one JSON Web Token per request, signed with the account's private key.

A token names the key, is good for two minutes, and over HTTP for one method and path only. The form
is that of the official Python client, coinbase-advanced-py, `jwt_generator.py`; JWT is RFC 7519,
the signatures are RFC 7518 §3.4 (ES256, raw r‖s and not DER) and RFC 8037 (EdDSA).

Nothing here shows a secret: not in an error, not in a `repr`.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from attrs import field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["LIFETIME_S", "SIGNED_HOST", "PrivateKey", "Signer", "read_private_key"]

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
"""The two kinds of key that Coinbase issues."""

LIFETIME_S: Final = 120
"""How long a token is good; the venue accepts no longer one."""
SIGNED_HOST: Final = "api.coinbase.com"
"""The host that a REST token names, whatever address the request is sent to."""
_SEED_BYTES: Final = 32
_ES256_BYTES: Final = 32
"""Length of r and of s."""


def read_private_key(text: str) -> PrivateKey:
    """
    Read a private key in any form in which Coinbase hands it out.

    PEM (SEC1 or PKCS8, of P-256 or Ed25519), with line ends or with `\\n` as an environment
    variable has them; or base64 of an Ed25519 seed (32 bytes), or of seed and public key (64).

    Raises:
        ConfigError: It is none of these. The text is not repeated.
    """
    text = text.replace("\\n", "\n").strip()
    try:
        return _read_pem(text) if text.startswith("-----BEGIN") else _read_seed(text)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        raise _no_key("the private key cannot be read") from None


def _read_pem(text: str) -> PrivateKey:
    key = load_pem_private_key(text.encode(), password=None)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise _no_key("the private key is neither of P-256 nor Ed25519")


def _read_seed(text: str) -> PrivateKey:
    raw = base64.b64decode("".join(text.split()), validate=True)
    if len(raw) not in (_SEED_BYTES, 2 * _SEED_BYTES):
        raise ValueError
    key = ed25519.Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])
    public = raw[_SEED_BYTES:]
    if public and public != key.public_key().public_bytes_raw():
        raise _no_key("the two halves of the private key do not belong together")
    return key


def _no_key(what: str) -> ConfigError:
    return ConfigError(
        what,
        where="COINBASE_API_SECRET",
        remedy="paste `privateKey` of the file that Coinbase gave for the key, line ends as \\n",
    )


@frozen
class Signer:
    """
    Makes tokens for one key.

    Args:
        key_name: `organizations/{org_id}/apiKeys/{key_id}`.
        private_key: Its private half.
        nonce: Gives a text that never came before, such as 32 random hexadecimal digits.
    """

    key_name: str
    private_key: PrivateKey = field(repr=False)
    nonce: Callable[[], str] = field(repr=False)

    def rest_token(self, method: str, path: str, now_ns: int) -> str:
        """
        Return a token for one request.

        Args:
            method: In upper case.
            path: From the root, without query: a token that names one is refused.
            now_ns: The present time, UTC nanoseconds.
        """
        return self._token(now_ns, uri=f"{method} {SIGNED_HOST}{path}")

    def stream_token(self, now_ns: int) -> str:
        """Return a token for one subscribe or unsubscribe message; it names no address."""
        return self._token(now_ns)

    def _token(self, now_ns: int, **address: str) -> str:
        now_s = now_ns // NS_PER_SECOND
        algorithm = "ES256" if isinstance(self.private_key, ec.EllipticCurvePrivateKey) else "EdDSA"
        header = {"alg": algorithm, "typ": "JWT", "kid": self.key_name, "nonce": self.nonce()}
        claims: dict[str, str | int] = {
            "sub": self.key_name,
            "iss": "cdp",
            "nbf": now_s,
            "exp": now_s + LIFETIME_S,
            **address,
        }
        signed = f"{_part(header)}.{_part(claims)}"
        return f"{signed}.{_base64url(self._signature(signed.encode()))}"

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self.private_key, ed25519.Ed25519PrivateKey):
            return self.private_key.sign(data)
        r, s = decode_dss_signature(self.private_key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(_ES256_BYTES, "big") + s.to_bytes(_ES256_BYTES, "big")


def _part(content: Mapping[str, str | int]) -> str:
    return _base64url(msgspec.json.encode(content))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
