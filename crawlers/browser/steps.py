"""What is done on a page before it is taken, as the project file declares it: wait, click, scroll, fill, log in.

[[source.steps]]
click = "button.more"
until_gone = true

[source.login]
url = "https://forum.example/login"
username = "input[name=user]"
password = "input[name=password]"
submit = "button[type=submit]"
username_env = "FORUM_USER"
password_env = "FORUM_PASSWORD"
done_when = ".avatar"
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from crawlers.declaration import Place, SourceError
from crawlers.extraction.selectors import check_items

ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Part(BaseModel):
    """A table inside a source."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Fill(Part):
    """What is written into a form's field.

    Attributes:
        selector: CSS of the field.
        value: What is written.
        env: The environment variable that holds what is written; instead of `value`.
    """

    selector: str
    value: str | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        _element(self.selector, "fill.selector", ("fill", "selector"))
        if (self.value is None) == (self.env is None):
            raise SourceError(("fill",), 'fill needs either value = "…" or env = "NAME".')
        if self.env is not None:
            _env_name(self.env, "fill.env", ("fill", "env"))
        return self


class Step(Part):
    """One thing that is done on a page: exactly one of `wait_for`, `click`, `scroll` and `fill`.

    Attributes:
        wait_for: CSS of what must be there before it goes on.
        click: CSS of what is clicked, the first that is visible.
        until_gone: Click until it is gone or disabled, `times` at most (100 unless told).
        times: How often it is clicked, as long as it is there; 1 unless told.
        scroll: Scroll to the end of the page until that shows nothing new.
        max: At most so many scrolls (50 unless told).
        fill: Write into a form's field.
        seconds: At most so long for this step; time spent waiting for the host's turn does not count.
    """

    wait_for: str | None = None
    click: str | None = None
    until_gone: bool = False
    times: int | None = Field(default=None, ge=1, le=10_000)
    scroll: Literal["until-nothing-new"] | None = None
    max: int | None = Field(default=None, ge=1, le=10_000)
    fill: Fill | None = None
    seconds: float = Field(default=60.0, gt=0, le=3_600)

    @field_validator("wait_for", "click")
    @classmethod
    def _selectors(cls, selector: str | None, info: Any) -> str | None:
        if selector is not None:
            _element(selector, info.field_name, (info.field_name,))
        return selector

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = [name for name in ("wait_for", "click", "scroll", "fill") if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"has {' and '.join(given)}" if given else "does nothing"
            raise SourceError((), f"a step does one of wait_for, click, scroll and fill; this one {said}.")
        for name in ("until_gone", "times"):
            if name in self.model_fields_set and self.click is None:
                raise SourceError((name,), f'{name} belongs to a step with click = "…".')
        if self.max is not None and self.scroll is None:
            raise SourceError(("max",), 'max belongs to a step with scroll = "until-nothing-new".')
        return self

    @property
    def most_clicks(self) -> int:
        """How often it is clicked at most."""
        return self.times or (100 if self.until_gone else 1)

    @property
    def most_scrolls(self) -> int:
        """How often it is scrolled at most."""
        return self.max or 50


class Login(Part):
    """How a person signs in: done once a session, whose cookies are then kept for the source alone.

    Attributes:
        url: The page with the form.
        username, password: CSS of the form's fields.
        submit: CSS of what sends the form.
        username_env, password_env: The environment variables with what is written there.
        done_when: CSS of what shows that it worked.
        logged_out_when: CSS of what a page shows when the session is over; being led to `url` always says so.
        seconds: At most so long for all of it.
    """

    url: str
    username: str
    password: str
    submit: str
    username_env: str
    password_env: str
    done_when: str
    logged_out_when: str | None = None
    seconds: float = Field(default=60.0, gt=0, le=3_600)

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(("url",), f'login URL "{url}" is no http or https URL.')
        return url

    @field_validator("username", "password", "submit", "done_when", "logged_out_when")
    @classmethod
    def _selectors(cls, selector: str | None, info: Any) -> str | None:
        if selector is not None:
            _element(selector, f"login.{info.field_name}", (info.field_name,))
        return selector

    @field_validator("username_env", "password_env")
    @classmethod
    def _names(cls, name: str, info: Any) -> str:
        _env_name(name, f"login.{info.field_name}", (info.field_name,))
        return name


def _placed_steps(declared: Any) -> Any:
    """Add to an error of a step which one it was."""
    for position, each in enumerate(declared) if isinstance(declared, list | tuple) else ():
        _placed(Step, each, ("steps", position))
    return declared


def _placed_login(declared: Any) -> Any:
    _placed(Login, declared, ("login",))
    return declared


def _placed(model: type[Part], declared: Any, place: Place) -> None:
    try:
        model.model_validate(declared)
    except SourceError as error:
        raise SourceError((*place, *error.field), str(error)) from error
    except ValidationError:
        pass  # pydantic says it again, with its place


Steps = Annotated[tuple[Step, ...], Field(strict=False), BeforeValidator(_placed_steps)]
"""The `steps` of a source."""
MaybeLogin = Annotated[Login | None, BeforeValidator(_placed_login)]
"""The `login` of a source."""


class DrawnSource(Protocol):
    """What the browser needs to know of a source; `crawlers.fetched_source.FetchedSource` gives it."""

    @property
    def name(self) -> str: ...
    @property
    def render(self) -> Literal["http", "browser", "auto"]: ...
    @property
    def wait_for(self) -> str | None: ...
    @property
    def steps(self) -> Sequence[Step]: ...
    @property
    def login(self) -> Login | None: ...
    @property
    def images(self) -> bool | str: ...


def _element(selector: str, what: str, place: Place) -> None:
    check_items(selector, what, place, xpath=False)


def _env_name(name: str, what: str, place: Place) -> None:
    if not ENV_NAME.fullmatch(name):
        raise SourceError(
            place, f'{what} = "{name}" is no environment variable; give its name, never the secret itself.'
        )
