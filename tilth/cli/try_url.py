"""The verb `try`: one page, before any crawl."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tilth.cli.console import print_json, print_rows, say

if TYPE_CHECKING:
    from tilth.trying import Look, Tried

RECORDS_SHOWN = 5
LINKS_SHOWN = 15
LONGEST = 160


def try_(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The page.")],
    source: Annotated[
        str | None, typer.Option(help="The source's name; unless given, the first that goes to the URL.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Look at it in the browser, too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, all of it.")] = False,
) -> None:
    """Show what a source would make of one page, before any crawl.

    Its records, the links that would be followed and those that would not and why, robots.txt and rights, HTTP beside
    the browser. Nothing of the project is changed.
    """
    from tilth.trying import try_url

    tried = try_url(context.obj, url, source=source, browser=browser, say=(lambda _: None) if as_json else say)
    if as_json:
        print_json(tried.as_dict())
    else:
        _show(tried)
    if all(look.status is None for look in tried.looks):
        raise typer.Exit(1)


def _show(tried: "Tried") -> None:
    say("")
    say(f'{tried.url} as source "{tried.source}" sees it.' if tried.declared else _undeclared(tried))
    columns = ["", *(f"over {look.rendered.upper()}" if look.rendered == "http" else "browser" for look in tried.looks)]
    print_rows("", columns, [[name, *map(value, tried.looks)] for name, value in FACTS.items()])
    best = max(tried.looks, key=lambda look: (len(look.records), look.characters), default=None)
    if best is not None:
        _show_records(best)
        _show_links(best)
        _show_rights(best)
    for line in (tried.verdict, *tried.notes):
        if line:
            say(line)


def _undeclared(tried: "Tried") -> str:
    return f"{tried.url}, which belongs to no source of tilth.toml: its main text is taken as the record."


FACTS: dict[str, Any] = {
    "status": lambda look: str(look.status or ("not asked" if look.robots == "disallowed" else "no whole answer")),
    "came from": lambda look: look.final_url or "",
    "robots.txt": lambda look: look.robots or "",
    "seconds": lambda look: f"{look.seconds:.2f}" if look.seconds is not None else "",
    "bytes": lambda look: f"{look.body_bytes:,}" if look.body_bytes is not None else "",
    "records": lambda look: str(len(look.records)),
    "characters": lambda look: f"{look.characters:,}",
    "trouble": lambda look: look.error or "",
}


def _show_records(look: "Look") -> None:
    rows = []
    for record in look.records[:RECORDS_SHOWN]:
        more = {key: value for key, value in record.items() if key not in ("key", "text", "media") and value}
        said = record["text"] or record["media"] or ""
        rows.append([record["key"] or "", _short(said), _short(", ".join(f"{k}: {v}" for k, v in more.items()))])
    if rows:
        say("")
        print_rows(_first("Records", len(rows), len(look.records)), ["key", "text", "metadata"], rows)
    else:
        say("No record.")


def _show_links(look: "Look") -> None:
    followed = [link for link in look.links if link.why_not is None]
    left = [link for link in look.links if link.why_not is not None]
    if followed:
        title = _first("Would follow", min(len(followed), LINKS_SHOWN), len(followed))
        print_rows(title, ["link"], [[link.url] for link in followed[:LINKS_SHOWN]])
    if left:
        title = _first("Would not follow", min(len(left), LINKS_SHOWN), len(left))
        print_rows(title, ["link", "why not"], [[link.url, link.why_not] for link in left[:LINKS_SHOWN]])


def _show_rights(look: "Look") -> None:
    found = [[one["kind"], _short(str(one["value"])), one["where"]] for one in look.rights.get("items", ())]
    if found:
        print_rows("Rights, as found", ["kind", "value", "where"], found)
    may = look.may
    if may:
        allowed = [name for name in ("fetch", "label", "publish") if may[name]]
        forbidden = [name for name in ("fetch", "label", "publish") if not may[name]]
        words = f"By the policy of the project it may be used to: {', '.join(allowed) or 'nothing'}."
        if forbidden:
            words += f" Not to: {', '.join(forbidden)} ({', '.join(may['reasons'])})."
        say(words)


def _first(what: str, shown: int, total: int) -> str:
    return f"{what} ({total})" if shown == total else f"{what} (the first {shown} of {total})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def add_verbs(app: typer.Typer) -> None:
    """Put this verb on the command line."""
    app.command("try")(try_)
