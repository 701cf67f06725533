"""All of curation, before money is spent on people: traits, what is set aside, near-equal records, split conflicts."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from store.curation import language, personal, quality
from store.curation.duplicates import METHOD, Duplicates, find_duplicates
from store.curation.pii.find import Finder, finder
from store.curation.setting_aside import set_aside_by_traits, set_aside_counts
from store.curation.settings import CurationSettings
from store.curation.straddling import end_issues, set_straddling_aside
from store.curation.traits import find_missing
from store.cursors import cursor, drop_cursor, move_cursor
from store.database import Store
from store.issues import add_issues
from store.versions import OUTDATED

PAGE = 10_000
LAST_CURATED = "curated"

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Curated:
    """What curation found.

    Attributes:
        records: How many text records there are.
        duplicates: The near-equal ones.
        languages: Records by language, of those whose language is sure; `unsure` for the others.
        personal: Records with personal data, by its kind.
        set_aside: Records set aside, by step.
        left_out: How many records are set aside in all, those that another one speaks for among them.
    """

    records: int
    duplicates: Duplicates
    languages: dict[str, int]
    personal: dict[str, int]
    set_aside: dict[str, int]
    left_out: int


class _ChangeNothing(Exception):
    """Ends a transaction whose writes are not wanted."""


def curate(
    store: Store, settings: CurationSettings, *, progress: Progress | None = None, dry_run: bool = False
) -> Curated:
    """Find what is to be found about the records, and decide which of them are set aside. None is deleted.

    Args:
        progress: Told of each step its name, how many records are done, and of how many.
        dry_run: Find, but change nothing in the store.

    Raises:
        LanguageUnknown, RegionUnknown: The settings name one that there is not.
        PresidioMissing: They ask for Presidio, which is not there.
    """
    language.require_known(settings.languages)
    looking = finder(settings)
    if not dry_run:
        return _curate(store, settings, looking, progress)
    found: Curated | None = None
    try:
        with store.transaction():
            found = _curate(store, settings, looking, progress)
            raise _ChangeNothing
    except _ChangeNothing:
        assert found is not None
        return found


def curate_when_new(store: Store, settings: CurationSettings) -> int:
    """Curate what there is, where records came, pages changed or settings did since it was last done.

    Where nothing did, three small queries find that out; only what lies across splits is looked at again, since labels
    and splits come from elsewhere. Gives how many near-equal records another one speaks for.

    Raises:
        LanguageUnknown, RegionUnknown, PresidioMissing: As `curate`.
    """
    if cursor(store, LAST_CURATED) != _what_there_is(store, settings, finder(settings)):
        return curate(store, settings).duplicates.set_aside
    set_straddling_aside(store)
    rows = store.read("SELECT count(*) AS n FROM duplicates WHERE record_id <> representative_id")
    return int(rows["n"][0].as_py())


def _what_there_is(store: Store, settings: CurationSettings, looking: Finder) -> str:
    """What decides about all that curation finds; the same means that it would find the same."""
    rows = store.read(
        f"""
        SELECT (SELECT (count(*), max(added_at)) FROM records)::VARCHAR AS records,
               (SELECT (count(*), bit_xor(hash(record_id))) FROM ({OUTDATED}))::VARCHAR AS outdated
        """
    ).to_pylist()
    steps = [language.VERSION, quality.VERSION, looking.version, METHOD]
    return json.dumps([*rows, repr(settings), *steps])


def _curate(store: Store, settings: CurationSettings, looking: Finder, progress: Progress | None) -> Curated:
    def telling(step: str) -> Callable[[int, int | None], None]:
        return partial(progress or _nobody, step)

    drop_cursor(store, LAST_CURATED)  # a run that is cut off has not curated
    find_missing(store, language.NAME, language.VERSION, language.languages, telling("languages"))
    find_missing(store, quality.NAME, quality.VERSION, quality.quality, telling("quality"))
    find_missing(
        store, personal.NAME, looking.version, partial(personal.personal, find=looking.find), telling("personal data")
    )
    set_aside_by_traits(store, settings)
    found = find_duplicates(store, telling("near-equal records"))
    set_straddling_aside(store)
    move_cursor(store, LAST_CURATED, _what_there_is(store, settings, looking))
    return Curated(
        records=found.records,
        duplicates=found,
        languages=_languages(store),
        personal=raise_personal(store),
        set_aside=set_aside_counts(store),
        left_out=_left_out(store),
    )


def _nobody(step: str, done: int, total: int | None) -> None:
    """Tell nobody."""
    del step, done, total


def raise_personal(store: Store) -> dict[str, int]:
    """Keep an issue of kind `pii` for each record that holds personal data; gives how many records hold each kind."""
    counts: Counter[str] = Counter()
    raised: set[str] = set()
    last = ""
    with store.transaction():
        while (page := _with_personal_data(store, last)).num_rows:
            suspected = []
            for row in page.to_pylist():
                spans = personal.spans_from_json(row["spans"])
                counts.update({span.kind for span in spans})
                suspected.append(
                    {
                        "kind": personal.NAME,
                        "record_id": row["record_id"],
                        "score": max(span.confidence for span in spans),
                        "evidence": personal.evidence(row["text"], spans),
                    }
                )
            add_issues(store, pa.Table.from_pylist(suspected))
            raised.update(page["record_id"].to_pylist())
            last = page["record_id"][-1].as_py()
        end_issues(store, personal.NAME, raised)
    return dict(sorted(counts.items()))


def _with_personal_data(store: Store, after: str) -> pa.Table:
    return store.read(
        f"""
        SELECT record_id, text, value ->> 'spans' AS spans
        FROM traits
        JOIN records USING (record_id)
        WHERE name = $1 AND (value ->> 'spans') <> '[]' AND record_id > $2
        ORDER BY record_id
        LIMIT {PAGE}
        """,
        [personal.NAME, after],
    )


def _languages(store: Store) -> dict[str, int]:
    rows = store.read(
        """
        SELECT CASE WHEN CAST(value ->> 'probability' AS DOUBLE) >= $1 THEN value ->> 'code' ELSE 'unsure' END AS code,
               count(*) AS records
        FROM traits
        WHERE name = 'language'
        GROUP BY code
        ORDER BY records DESC, code
        """,
        [language.SURE],
    )
    return dict(zip(rows["code"].to_pylist(), rows["records"].to_pylist(), strict=True))


def _left_out(store: Store) -> int:
    rows = store.read(
        """
        SELECT count(*) AS n
        FROM (
            SELECT record_id FROM set_aside
            UNION SELECT record_id FROM duplicates WHERE record_id <> representative_id
        )
        """
    )
    return int(rows["n"][0].as_py())
