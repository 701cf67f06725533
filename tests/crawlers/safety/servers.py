"""Servers that misbehave as a test says, on threads of their own, and the certificates that they show."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Behave = Callable[[socket.socket, bytes], None]
"""What a server does with a connection whose first request's head it has read."""


@dataclass
class Visited:
    """A server: where it listens, and the heads of the requests that came."""

    port: int
    heads: list[bytes] = field(default_factory=list)

    @property
    def visits(self) -> int:
        return len(self.heads)


@contextmanager
def listening(
    behave: Behave,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    speaks_first: bool = False,
) -> Iterator[Visited]:
    """A server until the block ends. A connection counts as a visit even when nothing is sent on it."""
    listener = socket.create_server((host, port))
    visited = Visited(listener.getsockname()[1])

    def serve(connection: socket.socket) -> None:
        connection.settimeout(10)
        place = len(visited.heads)
        visited.heads.append(b"")
        try:
            with connection if tls is None else tls.wrap_socket(connection, server_side=True) as spoken:
                head = b""
                while not speaks_first and b"\r\n\r\n" not in head and (more := spoken.recv(65_536)):
                    head += more
                visited.heads[place] = head
                behave(spoken, head)
        except OSError:
            return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield visited
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def sends(*parts: bytes) -> Behave:
    """Sends these and closes."""

    def behave(connection: socket.socket, _head: bytes) -> None:
        for part in parts:
            connection.sendall(part)

    return behave


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass
class Authority:
    """Signs certificates of test servers.

    Attributes:
        file: Its own certificate, for `SSL_CERT_FILE`.
    """

    folder: Path
    file: Path = field(init=False)

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"the authority {self.folder.name}")])
        made = self._made(self._name, self._key.public_key(), days=(-1, 30))
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = made.sign(self._key, hashes.SHA256())
        self.file = self.folder / "authority.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, host: str, *, days: tuple[int, int] = (-1, 30), self_signed: bool = False) -> ssl.SSLContext:
        """What a server of that host shows; valid from and to so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        made = self._made(name, key.public_key(), days=days, issuer=name if self_signed else self._name)
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        made = made.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        signed = made.sign(key if self_signed else self._key, hashes.SHA256())
        file = self.folder / f"{x509.random_serial_number()}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _made(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        days: tuple[int, int],
        issuer: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
        )
