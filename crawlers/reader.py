"""Reading pages where no worker processes are wanted: in this one, without a time limit."""

import logging

from crawlers.kinds import kind_module
from crawlers.page import Extraction, FetchedPage

log = logging.getLogger(__name__)


class InProcessReader:
    """Reads pages in this process, by the same words as the one with worker processes."""

    async def read(self, source: object, page: FetchedPage) -> Extraction:
        """What a source makes of a page; whatever the page does to the parsers is its own trouble alone."""
        try:
            found: Extraction = kind_module(source.kind).read(source, page)  # type: ignore[attr-defined]
        except Exception as error:
            log.warning("Reading failed on %s", page.final_url, exc_info=True)
            return Extraction(error=f"extract: {type(error).__name__}: {str(error)[:200]}")
        return found

    async def close(self) -> None:
        """There is nothing to end."""
