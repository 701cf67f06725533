"""What is said in the village, and where it stands: in threads, on the noticeboard, in the members' room.

The messages (`messages.jsonl`) were written for the site, one by one. What each is about stands in that file and
nowhere on the site: threads take messages as they followed one another, whatever they are about.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

SITE = Path(__file__).parent

NOTICED = 7  # every so many messages, one is pinned on the noticeboard instead of said in a thread
THREAD_SIZES = (3, 5, 2, 6, 4, 3, 2, 5)


@dataclass(frozen=True)
class Board:
    """A place where threads stand; `mark` draws its sign, an SVG path; `titles` name its threads, in turn."""

    slug: str
    name: str
    mark: str
    blurb: str
    titles: tuple[str, ...]


@dataclass(frozen=True)
class Message:
    """One message as it was written; `label` is its class, `duplicate_of` the id of the message that it repeats."""

    id: str
    text: str
    author: str
    date: datetime
    label: str | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True)
class Thread:
    """Posts that stand on one page."""

    number: int
    board: str
    title: str
    posts: tuple[Message, ...]


@cache
def messages() -> tuple[Message, ...]:
    """All messages of the site, near-duplicates too, oldest first. Those of the members' area are not among them."""
    return _read("messages.jsonl")


def spoken() -> tuple[Message, ...]:
    """The messages that stand in threads."""
    return tuple(message for place, message in enumerate(messages()) if place % NOTICED != NOTICED - 1)


def noticed() -> tuple[Message, ...]:
    """The messages that stand on the noticeboard, and nowhere else."""
    return messages()[NOTICED - 1 :: NOTICED]


@cache
def threads() -> tuple[Thread, ...]:
    """Threads of 2 to 6 messages that followed one another, whatever they are about; oldest first."""
    said = spoken()
    made: list[Thread] = []
    start = 0
    while start < len(said):
        turn, place = divmod(len(made), len(boards()))
        board = boards()[place]
        size = THREAD_SIZES[len(made) % len(THREAD_SIZES)]
        if len(said) - start - size == 1:  # no post is left alone
            size += 1 if size < max(THREAD_SIZES) else -1
        posts = said[start : start + size]
        title = f"{board.titles[turn % len(board.titles)]}, {day(posts[0].date)}"
        made.append(Thread(len(made) + 1, board.slug, title, posts))
        start += size
    return tuple(made)


@cache
def boards() -> tuple[Board, ...]:
    """The boards, as the menu names them."""
    rows = json.loads((SITE / "boards.json").read_text(encoding="utf-8"))
    return tuple(Board(**row | {"titles": tuple(row["titles"])}) for row in rows)


@cache
def members_only() -> tuple[Message, ...]:
    """The posts of the area that robots.txt disallows; their texts stand nowhere else."""
    return _read("members_only.jsonl")


def day(when: datetime) -> str:
    """A date as the site writes it: Monday 2 March."""
    return f"{when:%A} {when.day} {when:%B}"


def _read(name: str) -> tuple[Message, ...]:
    rows = map(json.loads, (SITE / name).read_text(encoding="utf-8").splitlines())
    return tuple(
        Message(
            row["id"],
            row["text"],
            row["author"],
            datetime.fromisoformat(row["date"]),
            row.get("class"),
            row.get("duplicate_of"),
        )
        for row in rows
    )
