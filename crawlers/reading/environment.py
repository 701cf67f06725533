"""Values that a declaration leaves to the environment, as `${NAME}`: secrets, which never stand in a project."""

import os
import re
from collections.abc import Mapping
from urllib.parse import quote

from store.errors import RequestError

NAMED = re.compile(r"\$\{(\w+)\}")


class NotInEnvironment(RequestError):
    """A variable that a source needs is not set."""


def names_in(text: str) -> list[str]:
    """The variables that a text names."""
    return NAMED.findall(text)


def filled_in(text: str, what: str, environment: Mapping[str, str] | None = None, *, quoted: bool = False) -> str:
    """The text with the variables' values in it, written as a part of a URL where they are to be `quoted`.

    Raises:
        NotInEnvironment: One is not set, or is empty; `what` begins the message.
    """
    values = os.environ if environment is None else environment
    for name in names_in(text):
        if not values.get(name):
            raise NotInEnvironment(
                f"{what} needs the environment variable {name}, which is not set; set it and try again."
            )
    return NAMED.sub(lambda match: quote(values[match[1]], safe="") if quoted else values[match[1]], text)
