"""The language of each text, by py3langid; a short text stays as unsure as it is."""

from functools import cache

import pyarrow as pa
from py3langid.langid import MODEL_FILE, LanguageIdentifier

NAME = "language"
VERSION = "py3langid-0.4"
# Of 10,003 English questions of 60 characters none was taken for another language with this probability or more.
SURE = 0.8


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


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
