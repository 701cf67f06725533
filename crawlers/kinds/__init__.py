"""The kinds of source: one module a kind, named after it.

A kind's module gives `Source`, the class of its declarations, and `spider()`, the Scrapy spider that runs one; nothing
else in `crawlers` knows one kind from another.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from crawlers.site_source import SiteSource, SourceError

Source = SiteSource
"""What a source's declaration is typed as; further kinds join here."""


def kinds() -> list[str]:
    """The kinds that a source may name."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def kind_module(kind: str) -> ModuleType:
    """The module of a kind of source.

    Raises:
        SourceError: There is none of that name; the message names the nearest.
    """
    if kind in kinds():
        return importlib.import_module(f"{__name__}.{kind.replace('-', '_')}")
    nearest = difflib.get_close_matches(kind, kinds(), 1)
    hint = f'did you mean "{nearest[0]}"?' if nearest else f"known kinds: {', '.join(kinds())}."
    raise SourceError(("kind",), f'kind "{kind}" is not known; {hint}')


def read_source(declared: Mapping[str, Any], position: int = 0) -> Source:
    """Make a source of one `[[source]]` table of the project file.

    Args:
        declared: The table as parsed from TOML or JSON.
        position: Which of the `[[source]]` tables it is, from 0; errors carry it.

    Raises:
        SourceError: It is not valid; `field` is the path of what is wrong, such as `("source", 0, "item")`.
    """
    kind = declared.get("kind", "site")
    try:
        if not isinstance(kind, str):
            raise SourceError(("kind",), f'kind is {kind!r}; write the name of a kind of source, such as "site".')
        source: Source = kind_module(kind).Source.declare(declared)
    except SourceError as error:
        name = declared.get("name")
        where = f'source "{name}"' if isinstance(name, str) and name else f"source {position + 1}"
        raise SourceError(("source", position, *error.field), f"{where}: {error}") from error
    return source
