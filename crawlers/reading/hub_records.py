"""The rows of a dataset on the Hub as records, read as they come."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawlers.page import FoundRecord
from crawlers.reading.batches import NoRecord
from crawlers.reading.image_files import image_record
from crawlers.reading.row_records import row_record
from crawlers.reading.values import as_key, without_nothing
from crawlers.tables.row import class_name
from store.errors import RequestError, TilthError

if TYPE_CHECKING:
    from crawlers.kinds.hub import Source

WAIT_SECONDS = 30
UNREACHABLE = {"TransportError", "ClientConnectionError", "ConnectionError", "TimeoutError"}
"""What errors of the libraries are called, which of them it is being the Hub client's own affair."""


class DatasetUnreadable(RequestError):
    """A dataset on the Hub cannot be read as it is declared."""


def hub_records(source: "Source", project_folder: Path) -> Iterator[FoundRecord | NoRecord]:
    """The records of a dataset, split by split in the order of their names; none where a row has no text.

    Raises:
        DatasetUnreadable: With what is wrong, and what to do where that is known.
    """
    with _told_plainly(source):
        from datasets import get_dataset_split_names

        revision, facts = _facts(source)
        splits = get_dataset_split_names(source.dataset, source.config, revision=revision, token=_token())
    chosen = [split for split in splits if source.split in (None, split)]
    if not chosen:
        raise DatasetUnreadable(f'{source.dataset} has no split "{source.split}"; it has: {", ".join(splits)}.')
    rows = ((split, row) for split in chosen for row in _rows(source, split, revision))
    for position, (split, row) in enumerate(islice(rows, source.max_records)):
        yield _record(source, position, row, {**facts, "split": split}, project_folder)


def _facts(source: "Source") -> tuple[str, dict[str, Any]]:
    """Which commit the revision is, and what the dataset's card says of its licence and languages."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=_token(), library_name="tilth")
    told = api.dataset_info(source.dataset, revision=source.revision, timeout=WAIT_SECONDS)
    card = told.card_data.to_dict() if told.card_data else {}
    if not card:
        card = _card_of_readme(api, source.dataset, str(told.sha))
    facts = {
        "dataset": source.dataset,
        "revision": told.sha,
        "license": card.get("license"),
        "language": card.get("language"),
    }
    return str(told.sha), without_nothing(facts)


def _card_of_readme(api: Any, dataset: str, revision: str) -> dict[str, Any]:
    from huggingface_hub import DatasetCard
    from huggingface_hub.errors import EntryNotFoundError

    try:
        path = api.hf_hub_download(dataset, "README.md", repo_type="dataset", revision=revision)
        found: dict[str, Any] = DatasetCard(
            Path(path).read_text(encoding="utf-8"), ignore_metadata_errors=True
        ).data.to_dict()
    except (EntryNotFoundError, ValueError):
        return {}
    return found


def _rows(source: "Source", split: str, revision: str) -> Iterator[Mapping[str, Any]]:
    with _told_plainly(source):
        from datasets import load_dataset

        rows = load_dataset(
            source.dataset, source.config, split=split, revision=revision, streaming=True, token=_token()
        )
        names = list(rows.features or {})
        needed = [name for name in (source.image or source.text, source.key, source.url) if name is not None]
        wanted = dict.fromkeys([*needed, *(source.columns or ())])
        for name in wanted:
            if names and name not in names:
                listed = ", ".join(f'"{one}"' for one in names[:20])
                raise DatasetUnreadable(f'{source.dataset} has no column "{name}" among {listed}.')
        features = dict(rows.features or {})
        rows = rows.decode(
            False
        )  # images as the bytes that they are, which Pillow looks at here; sound needs no player
        if source.columns is not None:
            rows = rows.select_columns(list(wanted))
        for row in rows:
            yield {name: class_name(value, getattr(features.get(name), "names", None)) for name, value in row.items()}


def _record(
    source: "Source", position: int, row: Mapping[str, Any], facts: Mapping[str, Any], folder: Path
) -> FoundRecord | NoRecord:
    if source.image is None:
        return row_record(position, row, text=source.text, key=source.key, url=source.url, more=facts)
    from crawlers.extraction.images import NotAnImage

    held = row.get(source.image)
    content = held.get("bytes") if isinstance(held, Mapping) else None
    if not content:
        return NoRecord("no image")
    used = (source.image, source.key, source.url)
    about = without_nothing({name: value for name, value in row.items() if name not in used})
    key = as_key(row.get(source.key)) if source.key else None
    try:
        return image_record(position, key, content, {**about, **facts}, folder)
    except NotAnImage:  # one row's damage is no reason to go without the others
        return NoRecord("the image is damaged, or none that can be used")


def _token() -> str | None:
    return (os.environ.get("HF_TOKEN") or "").strip() or None


@contextmanager
def _told_plainly(source: "Source") -> Iterator[None]:
    """Turn what the libraries raise inside the block into a sentence for the person who declared the source."""
    from datasets.exceptions import DataFilesNotFoundError, DatasetNotFoundError
    from huggingface_hub.errors import (
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = source.dataset
    try:
        yield
    except TilthError:
        raise
    except (RepositoryNotFoundError, DatasetNotFoundError) as error:
        raise DatasetUnreadable(
            f"{where} is not on the Hub, or may be read only by people whose HF_TOKEN is set; look at its name."
        ) from error
    except RevisionNotFoundError as error:
        raise DatasetUnreadable(
            f'{where} has no revision "{source.revision}"; look at its branches and tags '
            "on the Hub, or take revision out."
        ) from error
    except OfflineModeIsEnabled as error:
        raise DatasetUnreadable(f"{where}: HF_HUB_OFFLINE is set, so the Hub is not asked; unset it.") from error
    except DataFilesNotFoundError as error:
        raise DatasetUnreadable(f"{where} has no files that datasets can read.") from error
    except Exception as error:  # whatever else the libraries raise: there is no class above all of it
        said = _first_line(error)
        if UNREACHABLE & {each.__name__ for each in type(error).__mro__}:
            said = f"the Hub cannot be reached ({said}); try again later"
        raise DatasetUnreadable(f"{where} cannot be read: {said}.") from error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0].rstrip(".")[:300] if lines else ""
    return (
        said if isinstance(error, OSError | ValueError | RuntimeError) and said else f"{type(error).__name__}: {said}"
    )
