"""A proxy that requests may leave through, as the parts that connect to it see it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Proxy:
    """A proxy; two are the same when they stand at the same place, whoever signs in.

    Attributes:
        scheme: How it is spoken to.
        host, port: Where it stands.
        country: Where it lets requests out, two letters in lower case.
        looks_up_names: Whether it is told names, and looks them up itself, instead of the addresses that were checked.
        authorization: The value of the Proxy-Authorization header; never shown.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    country: str | None = field(default=None, compare=False)
    looks_up_names: bool = field(default=False, compare=False)
    authorization: str | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """How it is called in errors, logs and tables: its address without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def basic_authorization(username: str, password: str) -> str:
    """The header value of RFC 7617, in UTF-8."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")
