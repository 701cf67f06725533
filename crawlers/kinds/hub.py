"""`hub`: a dataset on the Hugging Face Hub, or on another server that speaks its protocol (`HF_ENDPOINT`)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from crawlers.declaration import Declaration, SourceError, Strings
from crawlers.reading.batches import Batch, in_batches

__all__ = ["Source", "batches"]

NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


class Source(Declaration):
    """A dataset, as the project file declares it. Its rows are read as they come, not downloaded first.

    Attributes:
        dataset: `owner/name`. A private one needs `HF_TOKEN` in the environment.
        revision: A commit, tag or branch; which commit it was is kept with each record.
        config: The dataset's configuration, where it has several.
        split: Which of its splits; all of them unless given.
        text: The column with the text.
        image: The column with an image, for records that are images.
        key: The column with the row's own id; without it equal texts are one record.
        url: The column that says where a reader finds it.
        columns: The columns to keep as metadata; all others unless given.
        max_records: At most this many rows are read.
    """

    kind: Literal["hub"] = "hub"
    dataset: str
    revision: str = "main"
    config: str | None = None
    split: str | None = None
    text: str = "text"
    image: str | None = None
    key: str | None = None
    url: str | None = None
    columns: Strings | None = None
    max_records: int | None = Field(default=None, ge=1)

    @field_validator("dataset")
    @classmethod
    def _dataset_name(cls, dataset: str) -> str:
        if not NAME.fullmatch(dataset):
            raise SourceError(("dataset",), f'dataset "{dataset}" is no name of one; write it as "owner/name".')
        return dataset


def batches(source: Source, project_folder: Path) -> Iterator[Batch]:
    """The rows of the dataset as records, split by split. Images are put into `media/`.

    Raises:
        DatasetUnreadable: It is not there, may not be read, or does not have the columns.
    """
    from crawlers.reading.hub_records import hub_records

    yield from in_batches(hub_records(source, project_folder))
