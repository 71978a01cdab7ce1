"""Tokens: the worked vectors of the protocol, and what an independent library says of ours."""

import base64
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from algopioneer_coinbase.signing import PrivateKey, Signer, read_private_key
from algopioneer_core.domain.errors import ConfigError

KEY_NAME = "organizations/test-organization/apiKeys/test-api-key"
SEED_AND_PUBLIC = (
    "k0BUni0p0vZG1BdpVjS6ogBJ7kxm630AJ2dN+tuputDOKsRAwgyrpEQLeBtS1znTmzPX6Xr2eOWpzx6nW8knkA=="
)
SEED = "k0BUni0p0vZG1BdpVjS6ogBJ7kxm630AJ2dN+tuputA="
PKCS8 = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJNAVJ4tKdL2RtQXaVY0uqIASe5MZut9ACdnTfrbqbrQ\n"
    "-----END PRIVATE KEY-----\n"
)
P256 = (
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIKwf3Uox30cRWzRBOPoPOH5p0Gpb0Dt8zUKXUEM5fMkGoAoGCCqGSM49\n"
    "AwEHoUQDQgAEbAtpLlSZYVOwYICz+uEyxcS29vRIujiES/gQ1DC7FV4zK4JuYE9v\n"
    "qDyGZQYjdXHLM7I6f/QnnOITL+dXYWBHRA==\n"
    "-----END EC PRIVATE KEY-----\n"
)
"""Keys of the official client's own tests: they open nothing."""
HEADER = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9yZ2FuaXphdGlvbnMvdGVzdC1vcmdhbml6YXRpb24v"
    "YXBpS2V5cy90ZXN0LWFwaS1rZXkiLCJub25jZSI6IjAwMTEyMjMzNDQ1NTY2Nzc4ODk5YWFiYmNjZGRlZWZmIn0"
)
REST_TOKEN = (
    f"{HEADER}.eyJzdWIiOiJvcmdhbml6YXRpb25zL3Rlc3Qtb3JnYW5pemF0aW9uL2FwaUtleXMvdGVzdC1hcGkta2V5Iiwi"
    "aXNzIjoiY2RwIiwibmJmIjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAxMjAsInVyaSI6IkdFVCBhcGkuY29pbmJhc2Uu"
    "Y29tL2FwaS92My9icm9rZXJhZ2UvYWNjb3VudHMifQ."
    "uv0c573QFSo4bR-n1-GTV43IFWBSZpb3ghUS_C-DTdlV3P7uFoUezcRKOW9HZRbebc4zkwKo2E6jHNybWIv4Ag"
)
STREAM_TOKEN = (
    f"{HEADER}.eyJzdWIiOiJvcmdhbml6YXRpb25zL3Rlc3Qtb3JnYW5pemF0aW9uL2FwaUtleXMvdGVzdC1hcGkta2V5Iiwi"
    "aXNzIjoiY2RwIiwibmJmIjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAxMjB9."
    "MLBU9OFSCRwkrSwWvwtv87MbsTaBhE6BLnZPXZ6HznHxCY0hdzho8h8koYJUwLLxvNjPjBUMpaaakRTxR7zHAw"
)
ES256_SIGNATURE = (
    "14Fkci4ItpbbVcjrTgF6AoJFjvaGMr0vPcwmd1P3vrOC7cjr-mEgc-yG14MqDDoF89oU7V_39n_YjHqGNPr4Ug"
)
NOW_NS = 1_700_000_000_999_999_999
PATH = "/api/v3/brokerage/accounts"


def nonce() -> str:
    """Return the nonce of the worked vectors."""
    return "00112233445566778899aabbccddeeff"


def signer(secret: str) -> Signer:
    """Return a signer with the key name and the nonce of the worked vectors."""
    return Signer(KEY_NAME, read_private_key(secret), nonce)


@pytest.mark.parametrize("secret", [SEED_AND_PUBLIC, SEED, PKCS8, PKCS8.replace("\n", "\\n")])
def test_eddsa_tokens_are_those_of_the_worked_vector(secret: str) -> None:
    """Every form of the same Ed25519 key gives the same text, for REST and for the stream."""
    ours = signer(secret)
    assert REST_TOKEN == ours.rest_token("GET", PATH, NOW_NS)
    assert STREAM_TOKEN == ours.stream_token(NOW_NS)


def test_signature_of_the_es256_vector_verifies_with_our_key() -> None:
    """A token with the vector's signature and our header and claims is accepted."""
    ours = signer(P256)
    signed = ours.rest_token("GET", PATH, NOW_NS).rpartition(".")[0]
    claims = decoded(f"{signed}.{ES256_SIGNATURE}", ours.private_key, "ES256")
    assert f"GET api.coinbase.com{PATH}" == claims["uri"]


@pytest.mark.parametrize(("secret", "algorithm"), [(P256, "ES256"), (SEED, "EdDSA")])
def test_tokens_verify_with_an_independent_library(secret: str, algorithm: str) -> None:
    """PyJWT accepts the signature and finds exactly the claims that the protocol names."""
    ours = signer(secret)
    token = ours.rest_token("POST", "/api/v3/brokerage/orders", NOW_NS)
    assert {
        "sub": KEY_NAME,
        "iss": "cdp",
        "nbf": 1_700_000_000,
        "exp": 1_700_000_120,
        "uri": "POST api.coinbase.com/api/v3/brokerage/orders",
    } == decoded(token, ours.private_key, algorithm)
    assert {
        "alg": algorithm,
        "typ": "JWT",
        "kid": KEY_NAME,
        "nonce": nonce(),
    } == jwt.get_unverified_header(token)
    with pytest.raises(jwt.InvalidSignatureError):
        decoded(token[:-8] + "AAAAAAAA", ours.private_key, algorithm)


def decoded(token: str, private_key: PrivateKey, algorithm: str) -> dict[str, Any]:
    """Return a token's claims as PyJWT reads them, its time aside."""
    claims: dict[str, Any] = jwt.decode(
        token,
        private_key.public_key(),
        algorithms=[algorithm],
        options={"verify_exp": False, "verify_nbf": False},
    )
    return claims


def test_an_ec_key_in_pkcs8_is_read_too() -> None:
    """Both PEM forms of a P-256 key are in use."""
    key = read_private_key(P256)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    assert isinstance(read_private_key(text), ec.EllipticCurvePrivateKey)


def pem_of(key: Any) -> str:
    """Return any private key as PEM."""
    text: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return text.decode()


def halves_of_two_keys() -> str:
    """Return one key's seed beside another's public half."""
    other = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    return base64.b64encode(base64.b64decode(SEED) + other).decode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: "not a key at all",
        lambda: base64.b64encode(b"too short").decode(),
        lambda: P256.replace("MHcCAQEE", "MHcCAQEF"),
        lambda: pem_of(ec.generate_private_key(ec.SECP384R1())),
        halves_of_two_keys,
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(make: Callable[[], str]) -> None:
    """The error says where to look and repeats nothing of the text."""
    secret = make()
    with pytest.raises(ConfigError) as caught:
        read_private_key(secret)
    assert "COINBASE_API_SECRET" in str(caught.value)
    for line in filter(None, secret.splitlines()):
        assert line not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__cause__ is None


def test_a_signer_does_not_show_its_key() -> None:
    """Its name is no secret."""
    assert f"Signer(key_name={KEY_NAME!r})" == repr(signer(P256))
