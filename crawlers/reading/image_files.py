"""Images that lie in files or tables, as records whose bytes are kept in the project's `media/`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crawlers.page import FoundRecord

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".tif", ".tiff"))
"""Of the files that are looked at; what they are, their bytes say."""
LARGEST = 50 * 2**20
"""Bytes of an image."""


def image_record(
    position: int, key: str | None, content: bytes, about: Mapping[str, Any], project_folder: Path
) -> FoundRecord:
    """Keep an image in the project and give its record; `about` goes into its metadata beside width, height and format.

    Raises:
        NotAnImage: The bytes are no image that can be used.
    """
    from crawlers.extraction.images import EXTENSIONS, NotAnImage, checked
    from crawlers.media import write_media

    if len(content) > LARGEST:
        raise NotAnImage(f"it is over {LARGEST:,} bytes")
    width, height, kind = checked(content)
    digest, extension = hashlib.sha256(content).hexdigest(), EXTENSIONS[kind]
    facts = {**about, "width": width, "height": height, "format": extension}
    record = FoundRecord(position, key, None, facts, "image", f"media/{digest[:2]}/{digest}.{extension}")
    write_media(project_folder, [record], content)
    return record
