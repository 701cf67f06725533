"""What is set aside, by step and with the reason: kept, but left out of the pool until the settings say otherwise."""

import pyarrow as pa

from store.curation import language, quality
from store.curation.settings import CurationSettings
from store.database import Store

# A line of a page's frame stands in at least so many records of its source, and in at least this share of them.
FRAME_RECORDS, FRAME_SHARE = 10, 0.02

_STEPS = {
    "language": (
        """
        SELECT record_id, 'its language is ' || code || ' (probability ' || round(probability, 2) || ')' AS reason
        FROM (
            SELECT record_id, value ->> 'code' AS code, CAST(value ->> 'probability' AS DOUBLE) AS probability
            FROM traits
            WHERE name = $language
        )
        WHERE probability >= $sure AND len($languages) > 0 AND NOT list_contains($languages, code)
        """,
        ("language", "sure", "languages"),
    ),
    "length": (
        """
        SELECT record_id, chars || ' characters' AS reason
        FROM (SELECT record_id, CAST(value ->> 'chars' AS BIGINT) AS chars FROM traits WHERE name = $quality)
        WHERE chars < $min_chars OR chars > $max_chars
        """,
        ("quality", "min_chars", "max_chars"),
    ),
    "letters": (
        """
        SELECT record_id, CAST(round(100 * letters) AS INTEGER) || '% of it are letters' AS reason
        FROM (SELECT record_id, CAST(value ->> 'letters' AS DOUBLE) AS letters FROM traits WHERE name = $quality)
        WHERE letters < $min_letters
        """,
        ("quality", "min_letters"),
    ),
    "repetition": (
        """
        SELECT record_id, CAST(round(100 * repeated) AS INTEGER) || '% of its lines repeat another' AS reason
        FROM (
            SELECT record_id, CAST(value ->> 'repeated_lines' AS DOUBLE) AS repeated
            FROM traits
            WHERE name = $quality
        )
        WHERE repeated > $max_repeated_lines
        """,
        ("quality", "max_repeated_lines"),
    ),
    "notice": (
        """
        SELECT record_id, 'a notice: ' || (value ->> 'notice') AS reason
        FROM traits
        WHERE name = $quality AND $notices AND (value ->> 'notice') IS NOT NULL
        """,
        ("quality", "notices"),
    ),
    "boilerplate": (
        """
        WITH lines AS (
            SELECT record_id, source_name, trim(unnest(string_split(text, chr(10)))) AS line
            FROM records
            WHERE contains(text, chr(10)) AND $max_boilerplate < 1
        ),
        sizes AS (
            SELECT source_name, count(*) AS records
            FROM records
            WHERE text IS NOT NULL
            GROUP BY source_name
        ),
        frames AS (
            SELECT source_name, line
            FROM lines
            JOIN sizes USING (source_name)
            WHERE line <> ''
            GROUP BY source_name, line, records
            HAVING count(DISTINCT record_id) >= greatest($frame_records, $frame_share * records)
        ),
        shares AS (
            SELECT record_id, sum(CASE WHEN frames.line IS NULL THEN 0 ELSE length(lines.line) END)
                   / nullif(sum(length(lines.line)), 0) AS share
            FROM lines
            LEFT JOIN frames ON frames.source_name = lines.source_name AND frames.line = lines.line
            GROUP BY record_id
        )
        SELECT record_id, CAST(round(100 * share) AS INTEGER) || '% of it stands on many pages of its source' AS reason
        FROM shares
        WHERE share > $max_boilerplate
        """,
        ("max_boilerplate", "frame_records", "frame_share"),
    ),
}
STEPS = (*_STEPS, "split")
"""In the order in which they are told."""


def set_aside_by_traits(store: Store, settings: CurationSettings) -> None:
    """Decide anew, from the traits and these settings, which records are set aside and why."""
    values = {
        "language": language.NAME,
        "quality": quality.NAME,
        "sure": language.SURE,
        "languages": list(settings.languages),
        "min_chars": settings.min_chars,
        "max_chars": settings.max_chars if settings.max_chars is not None else 2**62,
        "min_letters": settings.min_letters,
        "max_repeated_lines": settings.max_repeated_lines,
        "notices": settings.notices,
        "max_boilerplate": settings.max_boilerplate,
        "frame_records": FRAME_RECORDS,
        "frame_share": FRAME_SHARE,
    }
    with store.transaction() as db:
        db.execute("DELETE FROM set_aside")
        for step, (sql, names) in _STEPS.items():
            db.execute(
                f"INSERT INTO set_aside SELECT record_id, $step, reason FROM ({sql})",
                {name: values[name] for name in names} | {"step": step},
            )


def set_aside_counts(store: Store) -> dict[str, int]:
    """How many records each step set aside; one that several steps found counts in each."""
    rows = store.read("SELECT step, count(*) AS records FROM set_aside GROUP BY step")
    found = dict(zip(rows["step"].to_pylist(), rows["records"].to_pylist(), strict=True))
    return {step: found.get(step, 0) for step in STEPS}


def set_aside(store: Store) -> pa.Table:
    """What is set aside: `record_id`, `step`, `reason`, by id."""
    return store.read("SELECT * FROM set_aside ORDER BY record_id, step")
