"""What is said to a proxy that shall open a tunnel, and what its answer means (RFC 9110, 9.3.6)."""

from __future__ import annotations

import re

ANSWER_BYTES = 16_384
"""An answer to CONNECT that is longer is no answer."""

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]{0,60}))?")


def connect_request(host: str, port: int, authorization: str | None) -> bytes:
    """The request for a tunnel to the host."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    signed = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    return f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{signed}\r\n".encode("ascii")


def tunnel_trouble(answer: bytes) -> str | None:
    """What is wrong with a proxy's answer, in words that follow its name; None when the tunnel stands."""
    status = STATUS.match(answer)
    if status is None:
        return "answered something that is no HTTP when a tunnel was asked for"
    code = int(status[1])
    if 200 <= code < 300:
        return None
    if code == 407:
        return "refused the credentials (407)"
    return f"refused a tunnel ({code})"
