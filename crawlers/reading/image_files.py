"""Images, checked by Pillow and kept in a project's `media/` by their content's hash."""

import hashlib
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

FORMATS = {"PNG": "png", "JPEG": "jpeg", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "TIFF": "tiff"}
"""The formats that browsers and models read, and the extensions that they are kept under."""
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"))
LARGEST = 50 * 2**20
"""Bytes of a file."""
MOST_PIXELS = 100_000_000


class NoImage(ValueError):
    """It is no image that can be used; the message is a clause."""


@dataclass(frozen=True)
class Image:
    """An image that was looked at. Width and height are in pixels."""

    format: str
    width: int
    height: int
    sha256: str

    @property
    def media_path(self) -> str:
        """Where it belongs in a project."""
        return f"media/{self.sha256}.{self.format}"


def look_at(content: bytes) -> Image:
    """Check that bytes are a whole image of a known format.

    Raises:
        NoImage: They are not.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    if len(content) > LARGEST:
        raise NoImage(f"it is over {LARGEST:,} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF, and of sizes, which are looked at here
            with Pillow.open(io.BytesIO(content), formats=list(FORMATS)) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise NoImage(f"it has {width} × {height} pixels, over {MOST_PIXELS:,}")
                image.draft("L", (64, 64))  # a JPEG is read whole and not made whole
                image.load()
                kept = FORMATS[image.format or ""]
    except UnidentifiedImageError as error:
        raise NoImage(f"it is none of {', '.join(FORMATS)}") from error
    except (OSError, SyntaxError, ValueError, KeyError, EOFError, MemoryError, Pillow.DecompressionBombError) as error:
        if isinstance(error, NoImage):
            raise
        raise NoImage(f"it is damaged ({str(error)[:100].rstrip('.') or type(error).__name__})") from error
    return Image(kept, width, height, hashlib.sha256(content).hexdigest())


def keep(content: bytes, image: Image, project_folder: Path) -> str:
    """Put an image where it belongs, whole or not at all; gives its path relative to the project."""
    path = project_folder / image.media_path
    if not path.exists() or path.stat().st_size != len(content):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(path)
    return image.media_path
