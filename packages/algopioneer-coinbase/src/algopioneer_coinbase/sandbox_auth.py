"""Who is admitted to the local exchange, and how often (protocol: authentication, rate limits)."""

import base64
from collections import deque
from collections.abc import Collection
from typing import Any, Final

import msgspec
from attrs import define, field
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from algopioneer_coinbase.signing import LIFETIME_S, SIGNED_HOST, PrivateKey
from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["ApiKey", "Gatekeeper", "PerSecond", "uris_of"]

_ES256_BYTES: Final = 32
_NONCES_KEPT: Final = 100_000


@define
class ApiKey:
    """A key that the exchange has issued."""

    name: str
    private_key: PrivateKey = field(repr=False)
    can_view: bool = True
    can_trade: bool = True
    can_transfer: bool = False


class Gatekeeper:
    """Checks tokens of one key."""

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self._nonces: dict[str, None] = {}

    def admits(self, token: str, now_ns: int, *, uris: Collection[str | None]) -> bool:
        """
        Return whether *token* is one of the key's, good now, for this request, and new.

        Args:
            token: As it was sent.
            now_ns: The exchange's time.
            uris: What it may name, `METHOD host/path`; None for a stream, whose tokens name none.
        """
        try:
            header, claims = (_json(part) for part in token.split(".")[:2])
            signed, _, signature = token.rpartition(".")
            self._verify(str(header["alg"]), signed.encode(), _raw(signature))
        # The oldest msgspec that works has errors that are no ValueError.
        except (ValueError, KeyError, TypeError, InvalidSignature, msgspec.DecodeError):
            return False
        return self._is_ours(header, claims, uris) and self._is_fresh(header, claims, now_ns)

    def _verify(self, algorithm: str, data: bytes, signature: bytes) -> None:
        private = self.key.private_key
        if algorithm == "EdDSA" and isinstance(private, ed25519.Ed25519PrivateKey):
            # Most clients sign as RFC 8032 says, always the same; that is quicker to do than to
            # verify. A signature that is another one may still be good.
            if private.sign(data) != signature:
                private.public_key().verify(signature, data)
            return
        public = private.public_key()
        if algorithm == "ES256" and isinstance(public, ec.EllipticCurvePublicKey):
            if len(signature) != 2 * _ES256_BYTES:
                raise InvalidSignature
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            public.verify(encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))
        else:
            raise InvalidSignature

    def _is_ours(self, header: Any, claims: Any, uris: Collection[str | None]) -> bool:
        named = header.get("kid") == claims.get("sub") == self.key.name
        return bool(named and claims.get("iss") == "cdp" and claims.get("uri") in uris)

    def _is_fresh(self, header: Any, claims: Any, now_ns: int) -> bool:
        begins, ends, nonce = claims.get("nbf"), claims.get("exp"), header.get("nonce")
        if not (isinstance(begins, int) and isinstance(ends, int) and nonce):
            return False
        now_s = now_ns // NS_PER_SECOND
        if not begins <= now_s <= ends or ends - begins > LIFETIME_S or nonce in self._nonces:
            return False
        self._nonces[nonce] = None
        if len(self._nonces) > _NONCES_KEPT:
            del self._nonces[next(iter(self._nonces))]
        return True


class PerSecond:
    """How many requests may come within any second; refused ones do not count."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: deque[int] = deque()

    def left(self, now_ns: int) -> int:
        """Return how many may come now."""
        while self._taken and self._taken[0] <= now_ns - NS_PER_SECOND:
            self._taken.popleft()
        return self._most - len(self._taken)

    def take(self, now_ns: int) -> None:
        """Count one that came."""
        self._taken.append(now_ns)


def uris_of(method: str, path: str, host: str) -> tuple[str, str]:
    """Return what the token of a request may name: the venue's host, or the one that was asked."""
    return f"{method} {SIGNED_HOST}{path}", f"{method} {host}{path}"


def _raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _json(part: str) -> dict[str, Any]:
    content = msgspec.json.decode(_raw(part))
    if not isinstance(content, dict):
        raise TypeError
    return content
