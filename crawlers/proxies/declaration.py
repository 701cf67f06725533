"""`[proxies]` of the project file: which proxies there are, and how they are used. No secret stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crawlers.proxies.proxy import Proxy, basic_authorization
from store.errors import RequestError

PORTS = {"http": 80, "https": 443}


class ProxyError(RequestError):
    """A proxy cannot be used as it is declared."""


class ProxyDeclaration(BaseModel):
    """`[[proxies.pool]]`: one proxy.

    Attributes:
        url: `http://host:port` or `https://host:port`, without credentials.
        country: Where it lets requests out, two letters.
        username_env, password_env: The environment variables with its credentials.
        looks_up_names: Whether it is given names to look up itself. By default it is given the addresses that were
            checked, for which it must let tunnels to ports 80 and 443 be opened.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: str
    country: str | None = None
    username_env: str | None = None
    password_env: str | None = None
    looks_up_names: bool = False

    @field_validator("url")
    @classmethod
    def _of_a_proxy(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"it is no URL ({error})") from error
        if parts.scheme.startswith("socks"):
            raise ValueError("SOCKS proxies are not spoken to; use one that speaks HTTP")
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError('it must be written as "http://host:port" or "https://host:port"')
        if parts.username is not None or parts.password is not None:
            raise ValueError("credentials do not belong into the file; name variables in username_env and password_env")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("a proxy has no path; leave out what follows the port")
        return url

    @field_validator("country")
    @classmethod
    def _two_letters(cls, country: str | None) -> str | None:
        if country is not None and not re.fullmatch(r"[A-Za-z]{2}", country):
            raise ValueError('a country is written as its two letters, such as "de"')
        return country.lower() if country else None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.username_env is None) != (self.password_env is None):
            raise ValueError("username_env and password_env go together")
        return self

    def proxy(self, environment: Mapping[str, str]) -> Proxy:
        """The proxy with its credentials.

        Raises:
            ProxyError: A variable that it names is not set.
        """
        parts = urlsplit(self.url)
        scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
        assert parts.hostname is not None
        signed = None
        if self.username_env is not None and self.password_env is not None:
            for name in (self.username_env, self.password_env):
                if not environment.get(name):
                    raise ProxyError(
                        f"The proxy {self.url} takes its credentials from {name}, which is not set; set it, or take "
                        "username_env and password_env out of [[proxies.pool]]."
                    )
            signed = basic_authorization(environment[self.username_env], environment[self.password_env])
        return Proxy(
            scheme,
            parts.hostname,
            parts.port or PORTS[scheme],
            country=self.country,
            looks_up_names=self.looks_up_names,
            authorization=signed,
        )


class ProxiesSection(BaseModel):
    """`[proxies]`: through which proxies sources are fetched; without one they are fetched straight.

    Attributes:
        pool: The proxies.
        sticky: Whether a host is asked through the same proxy as long as that one works; else they take turns.
        cool_down: Seconds for which a proxy that failed three times in a row is left alone; twice as long each time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pool: Annotated[tuple[ProxyDeclaration, ...], Field(strict=False)] = ()
    sticky: bool = True
    cool_down: float = Field(30.0, gt=0, le=3_600, strict=False)

    def proxies(self, environment: Mapping[str, str]) -> tuple[Proxy, ...]:
        """The proxies with their credentials, each once.

        Raises:
            ProxyError: A variable that one names is not set.
        """
        return tuple(dict.fromkeys(each.proxy(environment) for each in self.pool))

    def declared(self) -> dict[str, Any]:
        """What was declared, without what stands there by default; the constructor's `model_validate` reads it."""
        return self.model_dump(mode="json", exclude_defaults=True)


NO_PROXIES = ProxiesSection()
