"""Images of pages: which are asked for, and what an answer must be to become a record."""

import hashlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from crawlers.extraction.images import MOST_PIXELS, read_image
from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from crawlers.page import Extraction, Link
from tests.crawlers.extraction.answers import URL, answer

PAGE = """<body><header><img src="/head.jpg"></header><nav><img src="/nav.jpg"></nav><main>
<figure><a href="/full.png"><img src="/1.jpg" srcset="/1-400.jpg 400w, /1-1600.jpg 1600w" alt="A  heron"></a>
<figcaption>By the <b>weir</b></figcaption></figure>
<img src="data:image/gif;base64,R0lGOD" data-src="lazy.webp" title="Later"><img src="/small.png" width="16" height="16">
<img src="/u/avatar_7.png"><img class="site-logo" src="/x.png"><img src="/drawing.svg"><img alt="nothing">
<img src="/1.jpg" srcset="/1-1600.jpg 2x"></main><footer><img src="/foot.jpg"></footer></body>"""


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 50), **how: Any) -> bytes:
    bytes_ = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(bytes_, kind, **how)
    return bytes_.getvalue()


def images_of(html: str, **declared: Any) -> list[Link]:
    found = read_page(read_source({"name": "x", "start": [URL], **declared}), answer(html))
    return [link for link in found.links if link.role == "image"]


def read(body: bytes, *, min_side: int = 1, **about: Any) -> Extraction:
    return read_image(
        answer(body, url="http://a.example/i", content_type="text/plain", role="image", about=about), min_side
    )


def test_the_content_images_of_a_page_are_asked_for_with_what_is_said_of_them() -> None:
    first, lazy = images_of(PAGE, images=True)
    assert first.url == "http://a.example/1-1600.jpg"
    assert first.about == {"page": URL, "alt": "A heron", "caption": "By the weir"}
    assert (lazy.url, lazy.about["title"]) == ("http://a.example/list/lazy.webp", "Later")


def test_a_selector_of_images_takes_what_it_names_and_nothing_else() -> None:
    assert [link.url for link in images_of(PAGE, images="header, figure a")] == [
        "http://a.example/head.jpg",
        "http://a.example/full.png",
    ]
    assert images_of(PAGE) == []


@pytest.mark.parametrize("selector", ["img.photo::attr(src)", "img.photo", "xpath:.//img/@src"])
def test_an_image_field_gives_an_items_image_with_the_items_fields(selector: str) -> None:
    html = "<article id=7><img class=photo src=/p.jpg><b>Owl</b></article><article id=8><b>None</b></article>"
    declared = {"item": "article", "key": "::attr(id)", "fields": {"image": selector, "bird": "b"}}
    found = read_page(read_source({"name": "x", "start": [URL], **declared}), answer(html))
    assert [link.url for link in found.links] == ["http://a.example/p.jpg"]
    assert found.links[0].about == {"bird": "Owl", "page": URL, "key": "7", "alone": True}
    assert (found.items, found.empty, found.unmatched) == (2, 1, {"image": 1})


@pytest.mark.parametrize(
    ("kind", "extension"),
    [("JPEG", "jpg"), ("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("BMP", "bmp"), ("TIFF", "tif")],
)
def test_an_image_is_named_by_its_bytes_and_known_by_what_it_is(kind: str, extension: str) -> None:
    body = picture(kind)
    (record,) = read(body, alt="Green", page=URL).records
    digest = hashlib.sha256(body).hexdigest()
    assert record.media_path == f"media/{digest[:2]}/{digest}.{extension}"
    assert (record.modality, record.text, record.natural_key) == ("image", None, None)
    assert record.metadata == {"alt": "Green", "page": URL, "width": 40, "height": 50, "format": extension}


def test_an_item_that_is_an_image_lends_it_its_key_and_one_with_a_text_does_not() -> None:
    (alone,) = read(picture(), key="7", alone=True).records
    (beside,) = read(picture(), key="7", alone=False).records
    assert (alone.natural_key, beside.natural_key, beside.metadata["key"]) == ("7", None, "7")


def test_decoration_is_no_record_and_no_error() -> None:
    found = read(picture(size=(1, 1)), min_side=32)
    assert (found.records, found.items, found.empty, found.error) == ((), 1, 1, None)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "its body is empty"),
        (b"<html><p>not found</p>", "no image of a format that is taken"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image of a format that is taken"),
        (picture("JPEG", (400, 400))[:600], "damaged"),
        (picture("PNG")[:60], "damaged"),
    ],
)
def test_what_is_no_image_is_an_error(body: bytes, why: str) -> None:
    error = read(body).error
    assert error is not None and error.startswith("not-image: ") and why in error


def test_an_image_that_unpacks_to_too_much_is_not_unpacked() -> None:
    bomb = io.BytesIO()
    Image.new("1", (MOST_PIXELS // 5_000 + 1, 5_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    assert "more than" in str(read(bomb.getvalue()).error)


@given(st.binary(max_size=200), st.integers(0, 90))
def test_any_bytes_are_an_image_or_an_error(noise: bytes, at: int) -> None:
    whole = picture()
    found = read(whole[:at] + noise + whole[at + len(noise) :])
    assert bool(found.records) != bool(found.error)
