"""The declaration of a site: where a crawl starts, which links it follows, and what on a page is a record."""

from __future__ import annotations

from typing import Literal

from crawlers.declaration import SourceError
from crawlers.fetched_source import FetchedSource

__all__ = ["SiteSource", "SourceError"]


class SiteSource(FetchedSource):
    """A site, as the project file declares it; its keys are those of every fetched source."""

    kind: Literal["site"] = "site"
