"""The pages of the site, drawn from its templates."""

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeVar

import jinja2

from tilth.demo.site.forum import SITE, boards, day, members_only, messages, noticed, threads

NOTICES_A_PAGE = 20
THREADS_A_PAGE = 14
MEMBERS_A_PAGE = 2

T = TypeVar("T")


@cache
def pages() -> dict[str, tuple[str, bytes]]:
    """Every page by its path: content type and body."""
    drawn = {
        "/robots.txt": ("text/plain; charset=utf-8", (SITE / "robots.txt").read_bytes()),
        "/style.css": ("text/css; charset=utf-8", (SITE / "style.css").read_bytes()),
    }
    for path, body in (*_talk(), *_notices(), *_members(), *_plain_pages()):
        kind = "application/json" if path.endswith(".json") else "text/html; charset=utf-8"
        drawn[path] = (kind, body)
    return drawn


def _talk() -> Iterator[tuple[str, bytes]]:
    yield "/", _draw("front.html", latest=threads()[:-7:-1], people=len(_neighbours()), talks=len(threads()))
    for place, board in enumerate(boards()):
        newest_first = [thread for thread in reversed(threads()) if thread.board == board.slug]
        parts = _in_parts(newest_first, THREADS_A_PAGE)
        for page, part in enumerate(parts, start=1):
            path = f"/board/{board.slug}" + (f"/{page}" if page > 1 else "")
            yield (
                path,
                _draw("board.html", board=board, threads=part, page=page, pages=len(parts), members=place % 3 + 1),
            )
    by_slug = {board.slug: board for board in boards()}
    for thread in threads():
        yield f"/thread/{thread.number}", _draw("thread.html", thread=thread, board=by_slug[thread.board])


def _notices() -> Iterator[tuple[str, bytes]]:
    parts = _in_parts(noticed(), NOTICES_A_PAGE)
    for page, part in enumerate(parts, start=1):
        yield f"/noticeboard/{page}", _draw("noticeboard.html", page=page, pages=len(parts))
        notices = [
            {
                "id": notice.id,
                "author": notice.author,
                "anchor": _anchor(notice.author),
                "date": notice.date.isoformat(),
                "day": day(notice.date),
                "text": notice.text,
            }
            for notice in part
        ]
        following = f"/noticeboard/{page + 1}" if page < len(parts) else None
        sheet = {"notices": notices, "next": following}
        yield f"/noticeboard/{page}.json", json.dumps(sheet, ensure_ascii=False).encode()


def _members() -> Iterator[tuple[str, bytes]]:
    parts = _in_parts(members_only(), MEMBERS_A_PAGE)
    for page, part in enumerate(parts, start=1):
        yield f"/members-only/{page}", _draw("members.html", posts=part, page=page, pages=len(parts))


def _plain_pages() -> Iterator[tuple[str, bytes]]:
    yield "/neighbours", _draw("neighbours.html", neighbours=_neighbours())
    yield "/about", _draw("about.html")


def _neighbours() -> list[str]:
    return sorted({message.author for message in messages()}, key=str.casefold)


def _in_parts(things: Sequence[T], size: int) -> list[Sequence[T]]:
    return [things[start : start + size] for start in range(0, len(things), size)]


def _draw(template: str, **facts: object) -> bytes:
    return _templates().get_template(template).render(boards=boards(), **facts).encode()


@cache
def missing_page() -> bytes:
    """What is sent, with status 404, for a path that is not there."""
    return _draw("missing.html")


@cache
def _templates() -> jinja2.Environment:
    drawer = jinja2.Environment(
        loader=jinja2.FileSystemLoader(SITE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    drawer.filters |= {"day": day, "anchor": _anchor, "hue": _hue}
    return drawer


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")


def _hue(name: str) -> int:
    return zlib.crc32(name.encode()) % 360
