"""Main text out of a WARC file, by two reading processes against one.

The file holds articles that are made up here: 300 to 1,500 words among menus, asides, comments, scripts and JSON-LD.
One and two processes, all started before, read it in turn, part by part: a slow moment of the machine meets both.
"""

import json
import os
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from claim import Proof, arguments, at_least, reported
from crawlers.extraction.warc_pages import WarcReading, warc_pages
from crawlers.extraction.workers import PageReader
from crawlers.kinds import read_source
from crawlers.warc import WarcFile

PAGES_A_PART = 60
SYLLABLES = ["ba", "ter", "lin", "mo", "sa", "qui", "rel", "ton", "vi", "an", "der", "pu", "ces", "ol", "ma", "net"]
LAYOUTS = ["main", "article", "div class='content'", "div id='post-body'", "td class='text'"]


def words(rng: random.Random, count: int) -> str:
    """So many words that nobody ever wrote."""
    return " ".join("".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(count))


def article(rng: random.Random) -> bytes:
    """A page with a main text, and what else stands on such pages."""
    menu = "".join(f"<li><a href='/{words(rng, 1)}'>{words(rng, 2)}</a></li>" for _ in range(rng.randint(8, 60)))
    pieces = []
    for _ in range(rng.randint(6, 20)):
        link = f"<a href='/{words(rng, 1)}'>{words(rng, 3)}</a>"
        pieces.append(f"<p>{words(rng, rng.randint(20, 60))}, {link}. <em>{words(rng, 8)}</em>.</p>")
        if rng.random() < 0.2:
            pieces.append(f"<h2>{words(rng, 4)}</h2>")
        if rng.random() < 0.15:
            pieces.append("<ul>" + "".join(f"<li>{words(rng, 9)}</li>" for _ in range(rng.randint(2, 8))) + "</ul>")
    comments = "".join(
        f"<div class='comment'><b>{words(rng, 1)}</b><p>{words(rng, 25)}</p></div>" for _ in range(rng.randint(0, 25))
    )
    layout = rng.choice(LAYOUTS)
    said = {
        "@type": "Article",
        "headline": words(rng, 6),
        "datePublished": f"2026-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
    }
    script = f"var state = {json.dumps([words(rng, 12) for _ in range(rng.randint(5, 80))])};"
    return (
        f"<!doctype html><html lang='en'><head><title>{said['headline']}</title><script>{script}</script>"
        f"<script type='application/ld+json'>{json.dumps(said)}</script></head><body><header><nav><ul>{menu}</ul></nav>"
        f"</header><{layout}><h1>{said['headline']}</h1>{''.join(pieces)}</{layout.split()[0]}><aside>{words(rng, 40)}"
        f"</aside><section id='comments'>{comments}</section><footer><ul>{menu}</ul></footer></body></html>"
    ).encode()


def written(folder: Path, parts: int) -> list[Path]:
    """Files of `PAGES_A_PART` pages each."""
    rng = random.Random(5)
    paths = []
    for part in range(parts):
        warc = WarcFile(folder, f"part{part}", {"software": "benchmark"})
        for number in range(PAGES_A_PART):
            url = f"http://articles.example/{part}/{number}"
            headers = [("Content-Type", "text/html; charset=utf-8")]
            warc.write_response(url, 200, headers, article(rng), protocol="HTTP/1.1", at=datetime.now(UTC))
        warc.close()
        paths.append(folder / warc.relative)
    return paths


def seconds(reader: PageReader, path: Path) -> float:
    """How long it takes to read all pages of a file."""
    source = read_source({"name": "articles", "kind": "warc", "files": [str(path)]})
    began = time.perf_counter()
    found = list(reader.read_all(source, ((page.url, page) for page in warc_pages(WarcReading(path)))))
    took = time.perf_counter() - began
    assert len(found) == PAGES_A_PART
    assert all(extraction.records for _, extraction in found)
    return took


def main() -> None:
    """Measure, print and write."""
    options = arguments(__doc__)
    compares = "main text of the same WARC pages by two worker processes and by one, in turn"
    proof = Proof("extract_warc", compares=compares, quick=options.quick)
    one: list[float] = []
    two: list[float] = []
    with tempfile.TemporaryDirectory() as place, PageReader(1, 60) as alone, PageReader(2, 60) as both:
        paths = written(Path(place), 5 if options.quick else 24)
        for reader in (alone, both):
            seconds(reader, paths[0])  # parsers have caches that a first page fills
        for number, path in enumerate(paths[1:]):
            order = [(alone, one), (both, two)]
            for reader, times in order if number % 2 else reversed(order):
                times.append(seconds(reader, path))
    runs = [a / b for a, b in zip(one, two, strict=True)]
    must = 1.7 if (os.cpu_count() or 1) >= 2 and not options.quick else 1.2
    proof.add(
        at_least("two workers against one, median of parts", statistics.median(runs), must, unit="ratio", runs=runs)
    )
    proof.add(reported("one worker", PAGES_A_PART / statistics.median(one), unit="pages/s"))
    proof.add(reported("two workers", PAGES_A_PART / statistics.median(two), unit="pages/s"))
    raise SystemExit(proof.publish())


if __name__ == "__main__":
    main()
