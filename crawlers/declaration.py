"""What every source's declaration has: a name, a kind, and errors that name the place of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from store.errors import RequestError
from store.validation import Place as Place
from store.validation import first_mistake

Strings = Annotated[tuple[str, ...], Field(strict=False)]
"""A list of strings, which TOML and JSON give, kept as a tuple."""


def _regexes(patterns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    for position, pattern in enumerate(patterns):
        try:
            re.compile(pattern)
        except re.error as error:
            raise SourceError(
                (str(info.field_name), position),
                f'{info.field_name} pattern "{pattern}" is not a valid regex ({error}).',
            ) from error
    return patterns


Regexes = Annotated[Strings, AfterValidator(_regexes)]
"""As `Strings`, each a regex."""

EXAMPLES = {
    "name": 'name = "forum"',
    "start": 'start = ["https://forum.example/"]',
    "files": 'files = ["letters/*.csv"]',
    "database": 'database = "sqlite:///tickets.db"',
    "query": 'query = "SELECT number, body FROM tickets"',
    "dataset": 'dataset = "owner/name"',
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SourceError(RequestError):
    """A source is declared wrongly.

    Attributes:
        field: The path of what is wrong, such as `("source", 0, "item")`, from which the project file's line is found.
    """

    def __init__(self, field: Place, message: str) -> None:
        super().__init__(message)
        self.field = field


class Declaration(BaseModel):
    """A source, as the project file declares it; each kind of source adds its own keys.

    A validator of a kind raises `SourceError` with the path of the key, relative to the declaration.

    Attributes:
        name: Names the source in the store; records of one name are one collection.
        kind: What kind of source it is, "site" unless written: the module of `crawlers.kinds` that reads it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    kind: str

    @classmethod
    def declare(cls, declared: Mapping[str, Any]) -> Self:
        """A source from parsed TOML or JSON.

        Raises:
            SourceError: With the path of the key, relative to the declaration, and what is wrong with it.
        """
        try:
            return cls.model_validate(dict(declared))
        except ValidationError as error:
            mistake = first_mistake(cls, error, table="source", examples=EXAMPLES)
            raise SourceError(mistake.place, mistake.message) from error

    def declared(self) -> dict[str, Any]:
        """What was declared, without what stands there by default: read back by `declare`."""
        return {"kind": self.kind} | self.model_dump(mode="json", exclude_defaults=True)

    @field_validator("name")
    @classmethod
    def _usable_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise SourceError(
                ("name",),
                f'name "{name}" is not usable; use up to 64 letters, digits, ".", "_" and "-", without spaces.',
            )
        return name
