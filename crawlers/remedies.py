"""What a person can do about a page that could not be had or read: one sentence for each kind of page error."""

from urllib.parse import urlsplit

from crawlers.scope import DEFAULT_PORTS

NOT_AS_DECLARED = frozenset({"feed", "sitemap", "item", "not-json", "paging"})
"""Errors of an answer that came, and is not (or not to its end) what its kind of source reads."""
READ_AS_IT_STANDS = frozenset({"wait-for", "steps", "load"})
"""Errors of a page that the browser drew, if not as it was told to: it was read nevertheless."""
REMEDIES = {
    "browser": "crawl again; if the browser dies again, run: tilth doctor",
    "connection": "check the address and that the site is up",
    "extract": "leave it out, or raise extract_seconds under [crawl]",
    "feed": "name the address of an RSS, Atom or JSON feed",
    "item": "write as item the path of the list of items",
    "load": "raise timeout under [crawl], if the rest of the page matters",
    "login": "check [source.login] and the credentials in the environment",
    "not-html": "name a page that a reader would see",
    "not-image": "name an image, or leave it out",
    "not-json": "name an address that answers JSON",
    "other": "open it in a browser to see why",
    "paging": "correct how the next answer is found: page, offset, cursor or next",
    "proxy": "check [proxies] and that the proxy is up",
    "redirect": "write the address that it leads to as the start, if that is meant",
    "rights": "choose another start, or change the policy if you may",
    "robots": "the site does not want it crawled; ask its owner, or choose another start",
    "sitemap": "name the address of a sitemap",
    "soft-404": "check the address",
    "status": "check the address",
    "steps": "correct [[source.steps]]; tilth try shows the page",
    "store": "crawl again; if it stays so, report it",
    "timeout": "check that the site is up, in a browser",
    "tls": "the people of the site must put that right",
    "too-large": "if it is meant to be so large, raise max_mb under [crawl]",
    "unsafe": "no name may lead there; where that machine is meant, write its address itself",
    "wait-for": "correct wait_for; tilth try shows the page",
}


def of_start(url: str, error: str) -> str:
    """What became of a start page with that error, and what to do; it goes on after the page's address."""
    kind, _, said = error.partition(": ")
    remedy = REMEDIES.get(kind, REMEDIES["other"])
    if kind in NOT_AS_DECLARED:
        what = f"is not JSON: {said}" if kind == "not-json" else f"was answered, but {said}"
        return f"{what}." if "; " in said else f"{what}; {remedy}."  # some say themselves what to do
    if kind == "status":
        return f"{said.replace('the server ', '')}; {remedy}."
    if kind == "not-html":
        return f"is no HTML page: {said}; {remedy}."
    if kind == "unsafe":
        what, _, hint = said.partition("; ")
        if f'"{_host_and_port(url)}"' not in hint:
            return f"could not be had: {said}."  # it leads to another host, and that is said there
        said = what
    return f"could not be had: {said}; {of_proxy(said) or remedy}."


def of_proxy(said: str) -> str | None:
    """What to do where a proxy leads to a server that cannot prove who it is; None where nothing says so."""
    in_its_place = "the proxy " in said and "cannot prove who it is" in said
    return "check [proxies], for the proxy may have answered in its place" if in_its_place else None


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    name = parts.hostname or ""
    return f"{f'[{name}]' if ':' in name else name}:{parts.port or DEFAULT_PORTS.get(parts.scheme, 80)}"
