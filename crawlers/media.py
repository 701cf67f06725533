"""Files of a project's `media/`, named by what is in them."""

import os
from collections.abc import Iterable
from pathlib import Path

from crawlers.page import FoundRecord


def write_media(project_folder: Path, records: Iterable[FoundRecord], body: bytes) -> None:
    """Write the bytes of an image to where its records say they lie, so that they survive whatever comes after.

    Raises:
        OSError: There is no room, or no permission.
    """
    for path in {record.media_path for record in records if record.media_path}:
        target = project_folder / path
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with part.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        except OSError:
            part.unlink(missing_ok=True)
            raise
