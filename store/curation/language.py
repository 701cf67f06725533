"""The language of each text, by py3langid; a short text stays as unsure as it is."""

from collections.abc import Sequence
from functools import cache

import pyarrow as pa
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from store.errors import RequestError

NAME = "language"
VERSION = "py3langid-0.4"
# Of 10,003 English questions of 60 characters none was taken for another language with this probability or more.
SURE = 0.8


class LanguageUnknown(RequestError):
    """The settings name a language that cannot be told from others."""


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def require_known(codes: Sequence[str]) -> None:
    """Return when each code is one that can be found.

    Raises:
        LanguageUnknown: One is not; a slip here would set everything aside.
    """
    known = _identifier().labels
    for code in codes:
        if code not in known:
            raise LanguageUnknown(
                f'[curation] languages: "{code}" is no language that can be told; write a code such as "en".'
            )


def languages(batch: pa.Table) -> pa.Table:
    """From `record_id` and `text` to `record_id`, `code` (ISO 639) and `probability`."""
    classify = _identifier().classify
    found = [classify(text) for text in batch["text"].to_pylist()]
    return pa.table(
        {
            "record_id": batch["record_id"],
            "code": pa.array([code for code, _ in found], pa.string()),
            "probability": pa.array([round(probability, 4) for _, probability in found], pa.float64()),
        }
    )
