"""One crawl of a small forum, to be killed: `python crawl_run.py PROJECT URL`."""

import sys
from pathlib import Path

from crawlers.crawl import crawl
from crawlers.kinds import read_source
from store.database import Store

FORUM = {
    "name": "forum",
    "follow": "a",
    "item": "article",
    "key": "::attr(data-post)",
    "fields": {"text": "p"},
}


def main() -> None:
    """Crawl to the end."""
    project, url = Path(sys.argv[1]), sys.argv[2]
    source = read_source(FORUM | {"start": [f"{url}/list/0"]})
    with Store(project / "tilth.duckdb") as store:
        result = crawl(store, project, [source], contact="me@example.org")
    print(result.pages, result.left_over, result.records_new, flush=True)


if __name__ == "__main__":
    main()
