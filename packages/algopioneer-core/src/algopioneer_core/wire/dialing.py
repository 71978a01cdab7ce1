"""
How a byte stream to a venue is made: the one seam between the wire and the network.

Whatever speaks to a venue takes a `Dial`. In production it is TCP, with TLS where the address says
so; a test hands in the `dial` of `testing.network` and no socket is ever opened.
"""

import ssl
from typing import Protocol

import anyio
from anyio.abc import ByteStream
from attrs import frozen

from algopioneer_core.domain.errors import Outcome, VenueUnavailable

__all__ = ["Dial", "TcpDial", "dial_tcp", "reason_of"]


def reason_of(error: BaseException) -> str:
    """Return what an error says, or its name where it says nothing, as anyio's do."""
    return str(error) or type(error).__name__


class Dial(Protocol):
    """Opens byte streams."""

    async def __call__(self, host: str, port: int, *, tls: bool) -> ByteStream:
        """
        Connect to a port; the stream is the caller's to close. A cancellation leaves nothing open.

        Raises:
            VenueUnavailable: Nobody answers there, or not with a certificate to be trusted.
                Nothing was placed.
        """


@frozen
class TcpDial:
    """Connects over TCP, trying all addresses of a host; with TLS where asked."""

    ssl_context: ssl.SSLContext | None = None
    """For TLS; None is the system's trusted certificates."""

    async def __call__(self, host: str, port: int, *, tls: bool) -> ByteStream:
        """Connect; see `Dial`. The end of a TLS stream needs no closing alert: framing tells."""
        try:
            if not tls:
                return await anyio.connect_tcp(host, port)
            return await anyio.connect_tcp(
                host, port, tls=True, ssl_context=self.ssl_context, tls_standard_compatible=False
            )
        except ssl.SSLCertVerificationError as error:
            raise VenueUnavailable(
                f"the certificate is not trusted: {error.verify_message}",
                where=f"{host}:{port}",
                remedy="check the host name, and that SSL_CERT_FILE names the issuer's certificate",
                retryable=False,
                outcome=Outcome.NOT_PLACED,
            ) from error
        except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise VenueUnavailable(
                f"no connection: {reason_of(error)}",
                where=f"{host}:{port}",
                outcome=Outcome.NOT_PLACED,
            ) from error


dial_tcp = TcpDial()
"""Connects with the system's trusted certificates."""
