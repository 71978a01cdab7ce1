"""A certificate for a local exchange that serves TLS, made for the occasion."""

import datetime
import ipaddress
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Clock

__all__ = ["make_certificate"]

_DAYS: Final = datetime.timedelta(days=30)


def make_certificate(clock: Clock, host: str, folder: Path) -> Path:
    """
    Make a certificate for *host* (an address) and `localhost`, signed by itself.

    Returns the file with it and its key, which only its owner can read.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "algopioneer sandbox")])
    now = datetime.datetime.fromtimestamp(clock.now_ns() // NS_PER_SECOND, datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(host))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "sandbox.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    path.chmod(0o600)
    return path
