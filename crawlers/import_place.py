"""What `tilth import` is given where that is no file of rows: a folder, a dataset on the Hub, a query on a database."""

import re
from collections import Counter
from pathlib import Path

from crawlers.declaration import Declaration
from crawlers.import_error import ImportRefused
from crawlers.kinds import kind_module, read_source
from crawlers.read_in import ReadIn, as_table
from crawlers.reading.file_records import TEXTS
from crawlers.reading.image_files import SUFFIXES
from crawlers.tables.row import form_of
from store.database import Store
from store.records import add_records
from store.sources import add_source

HUB = re.compile(r"hf://(?:datasets/)?([^@]+)(?:@(.+))?")
DATABASE = re.compile(r"(sqlite|duckdb|postgresql|postgres):")


class QueryMissing(ImportRefused):
    """A database was named, and not what to ask it."""


def source_at(place: str, *, name: str | None, text: str, key: str | None, query: str | None) -> Declaration | None:
    """What to read at a place; None where it is a file of rows (or nothing), which `import_file` is for.

    Args:
        place: A folder, a text or an image; `hf://owner/name`, with `@revision` or without; or a database's URL.
        name: What to call the source; the place's own name without it.
        text, key: The columns with the text and with the row's own id.
        query: Of a database.

    Raises:
        QueryMissing: It is a database, and there is no query.
        SourceError: It cannot be read as it is given.
    """
    if found := HUB.fullmatch(place):
        revision = {"revision": found[2]} if found[2] else {}
        called = name or found[1].rsplit("/", 1)[-1]
        return _declared("hub", called, text=text, key=key, dataset=found[1], **revision)
    if DATABASE.match(place):
        if query is None:
            raise QueryMissing('A database is asked with a query; add --query "SELECT …".')
        return _declared("sql", name or "query", text=text, key=key, database=place, query=query)
    path = Path(place).expanduser().resolve()
    if path.is_dir():
        return _declared("files", name or _usable(path.name), text=text, key=key, files=["."], root=str(path))
    if form_of(path) in {*SUFFIXES, *TEXTS, ".json"} and path.is_file():
        called = name or _usable(path.stem)
        return _declared("files", called, text=text, key=key, files=[path.name], root=str(path.parent))
    return None


def import_source(store: Store, project_folder: Path, source: Declaration) -> ReadIn:
    """Bring in all records of a source, or none where it cannot be read to its end."""
    new = known = 0
    passed_by: Counter[str] = Counter()
    with store.transaction():
        source_id = add_source(store, name=source.name, kind=source.kind, declared=source.declared())
        for batch in kind_module(source.kind).batches(source, project_folder):
            passed_by.update(batch.passed_by)
            if not batch:
                continue
            added = add_records(store, as_table(batch), source_name=source.name, source_id=source_id)
            new, known = new + added.new, known + added.known
    return ReadIn(source.name, new, known, passed_by=dict(passed_by))


def _declared(kind: str, name: str, **more: object) -> Declaration:
    return read_source({"kind": kind, "name": name} | {key: value for key, value in more.items() if value is not None})


def _usable(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64] or "files"
