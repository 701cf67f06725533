"""Whether a server is who it says it is, and in plain words why not (RFC 5280, RFC 9525)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from service_identity import VerificationError
from service_identity.exceptions import CertificateError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

if TYPE_CHECKING:
    from OpenSSL.crypto import X509
    from twisted.protocols.tls import TLSMemoryBIOProtocol

FORGED, NOT_YET, EXPIRED, SELF_SIGNED, SELF_SIGNED_ROOT, NO_ISSUER, NO_CHAIN, REVOKED = 7, 9, 10, 18, 19, 20, 21, 23
"""OpenSSL's X509_V_ERR_… (x509_vfy.h)."""


@implementer(IOpenSSLClientConnectionCreator)
class Verifying:
    """Makes the TLS connections of another creator, verifies the other side, and remembers what was wrong with it.

    Attributes:
        trouble: Why the server's certificate was not accepted, in words that follow "the certificate of HOST"; else
            None.
    """

    def __init__(self, creator: Any, host: str) -> None:
        self.trouble: str | None = None
        self._creator = creator
        is_address = isIPAddress(host) or isIPv6Address(host)
        self._identity = IPAddress_ID(host) if is_address else DNS_ID(host.rstrip("."))

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N802 - Twisted's name
        """As Twisted asks for it."""
        connection: SSL.Connection = self._creator.clientConnectionForTLS(protocol)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        return connection

    def _verify(self, _connection: SSL.Connection, certificate: X509, error: int, depth: int, fine: int) -> bool:
        # OpenSSL swallows what is raised here, so everything that is not plainly right is wrong.
        if not fine:
            self.trouble = self.trouble or _in_words(certificate, error)
            return False
        if depth == 0:
            try:
                verify_service_identity(extract_patterns(certificate), [self._identity], [])
            except (VerificationError, CertificateError, ValueError):
                self.trouble = "names other hosts"
                return False
        return True


def _in_words(certificate: X509, error: int) -> str:
    if error == EXPIRED:
        return f"expired on {_day(certificate.get_notAfter())}"
    if error == NOT_YET:
        return f"is not valid before {_day(certificate.get_notBefore())}"
    return {
        FORGED: "is not signed by the authority that it names",
        SELF_SIGNED: "is signed by itself",
        SELF_SIGNED_ROOT: "is signed by an authority that this machine does not trust",
        NO_ISSUER: "is signed by an authority that this machine does not know",
        NO_CHAIN: "is signed by an authority that this machine does not know",
        REVOKED: "was revoked",
    }.get(error, f"could not be verified (OpenSSL error {error})")


def _day(stamp: bytes | None) -> str:
    text = (stamp or b"").decode("ascii", "replace")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) >= 8 else "an unknown day"
