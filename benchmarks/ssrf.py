"""Attempts to lead a crawl inside: over HTTP, in the browser, past the egress; how many there are, and how many arrive.

The control opens the same pages with the place inside named by the source: what arrives then was a real attempt.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from claim import Proof, arguments, at_least, at_most, reported
from tests.integration.ssrf import CHANGING, FAR, HOSTS, attacking, inside, moves, resources
from tests.integration.ssrf_runs import browse, crawl_the


def main() -> None:
    """Measure, print and write."""
    options = arguments(__doc__)
    proof = Proof("ssrf", compares="attempts to reach places inside, and the control that may", quick=options.quick)
    with inside() as places, attacking(places.target) as site:
        asyncio.run(browse(site, [site.url]))
        tried = len(resources(site.target)) + len(moves(site.target)) + len(HOSTS) + len(CHANGING) + len(FAR)
        proof.add(at_least("attempts by pages in the browser", tried, 40, unit="attempts"))
        proof.add(at_most("visits inside, a browser behind the egress alone", places.visits, 0, unit="visits"))
    with inside() as places, attacking(places.target) as site:
        asyncio.run(browse(site, [site.url, places.target]))
        known = {*resources(site.target), *moves(site.target)}
        arrived = {path.strip("/") for path in places.canaries[0].paths} & known
        proof.add(at_least("of these arrive when the source names the place", len(arrived), 40, unit="attempts"))
    with tempfile.TemporaryDirectory() as folder:
        with inside() as places, attacking(places.target) as site:
            kept = crawl_the(site, Path(folder) / "http", "http")
            unsafe = sum((row["error"] or "").startswith("unsafe: ") for row in kept.values())
            proof.add(at_least("attempts by links and redirects in a crawl", len(site.links()), 40, unit="attempts"))
            proof.add(at_most("visits inside, a crawl over HTTP", places.visits, 0, unit="visits"))
            proof.add(reported("pages of that crawl that were refused as unsafe", unsafe, unit="pages"))
        if not options.quick:
            with inside() as places, attacking(places.target) as site:
                crawl_the(site, Path(folder) / "browser", "browser", site.pages())
                proof.add(at_most("visits inside, a crawl in the browser", places.visits, 0, unit="visits"))
    raise SystemExit(proof.publish())


if __name__ == "__main__":
    main()
