"""An image that was fetched, as a record: its bytes decide what it is, not its name or its header."""

import hashlib
import io
import warnings
from typing import Any

from crawlers.page import Extraction, FetchedPage, FoundRecord

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif", "BMP": "bmp", "TIFF": "tif"}
"""The formats that are taken, as Pillow names them."""

MOST_PIXELS = 50_000_000
"""A larger image takes more memory to look at than it is worth: a few kilobytes can hold a billion pixels."""

NOT_METADATA = frozenset({"alone", "key"})


class NotAnImage(ValueError):
    """The bytes are no image that can be taken; the message says why, as a clause."""


def read_image(page: FetchedPage, min_side: int = 1) -> Extraction:
    """The image of an answer as one record, whose metadata holds its size, its format and what its page said of it.

    Args:
        page: The answer; its `about` says what the page said.
        min_side: In pixels; a smaller image is no record.
    """
    try:
        width, height, kind = checked(page.body)
    except NotAnImage as error:
        return Extraction(items=1, empty=1, error=f"not-image: {error}")
    if min(width, height) < min_side:
        return Extraction(items=1, empty=1)
    digest = hashlib.sha256(page.body).hexdigest()
    path = f"media/{digest[:2]}/{digest}.{EXTENSIONS[kind]}"
    said = {name: value for name, value in page.about.items() if name not in NOT_METADATA}
    key = page.about.get("key")
    metadata: dict[str, Any] = {**said, "width": width, "height": height, "format": EXTENSIONS[kind]}
    if key is not None and not page.about.get("alone"):
        metadata["key"] = key  # the item's text is the record of that name
    record = FoundRecord(
        position=0,
        natural_key=key if page.about.get("alone") else None,
        text=None,
        metadata=metadata,
        modality="image",
        media_path=path,
        url=page.final_url,
    )
    from crawlers.extraction.read_page import text_hash

    return Extraction((record,), items=1, text_hash=text_hash([record]))


def checked(body: bytes) -> tuple[int, int, str]:
    """Width, height and format of an image, each pixel of which can be read.

    Raises:
        NotAnImage: It is none, is damaged, of another format than is taken, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    if not body:
        raise NotAnImage("its body is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(body), formats=tuple(EXTENSIONS)) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise NotAnImage(f"it has {width:,} × {height:,} pixels, more than {MOST_PIXELS:,}")
                kind = image.format or ""
                image.load()
    except UnidentifiedImageError as error:
        raise NotAnImage("its bytes are no image of a format that is taken") from error
    except Image.DecompressionBombError as error:
        raise NotAnImage(f"it has more than {MOST_PIXELS:,} pixels") from error
    except NotAnImage:
        raise
    except Exception as error:  # damaged files raise what their decoder happens to meet
        raise NotAnImage(f"it is damaged ({' '.join(str(error).split())[:100] or type(error).__name__})") from error
    return width, height, "JPEG" if kind == "MPO" else kind
