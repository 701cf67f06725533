"""What a page says of itself for machines: JSON-LD, microdata, Open Graph and `<meta>`.

extruct finds the first two; it is used here and nowhere else. Markup that is broken says nothing, and is no error.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from crawlers.reading.values import written_number

JsonObject = Mapping[str, Any]

PATH_STEP = re.compile(r'([A-Za-z_]\w*)|"([^"\\]*)"')
PLAIN_PATH = re.compile(rf"(?:{PATH_STEP.pattern})(?:\[\])?(?:\.(?:{PATH_STEP.pattern})(?:\[\])?)*", re.ASCII)
"""Names with points between them."""

_WRAPPED_BEGIN = re.compile(r"(?:[\s\ufeff]|<!--|(?://|/\*)?[ \t]*<!\[CDATA\[(?:[ \t]*\*/)?)++")
# Read from the end: what closes it, and a semicolon.
_WRAPPED_END = re.compile(r"(?:[\s\ufeff;]|>--(?://)?|(?:/\*[ \t]*)?>\]\](?:[ \t]*(?://|\*/))?)++")


def json_ld_objects(root: Any) -> list[JsonObject]:
    """The JSON-LD objects inside an lxml element, in their order; the members of a `@graph` stand for themselves."""
    return [found for script in root.iter("script") if _is_json_ld(script) for found in _flat(_parsed(script))]


def microdata_objects(root: Any, base_url: str, *, as_one: bool = False) -> list[JsonObject]:
    """The microdata items inside an lxml element, in their order: `@type`, `@id` and their properties.

    Args:
        root: The element.
        base_url: What links in properties are relative to.
        as_one: Read the element itself as an item, whether or not it says that it is one: properties of it that
            belong to no item inside it are the first object's.
    """
    from extruct.w3cmicrodata import MicrodataExtractor

    if as_one:
        root = _with_what_it_refers_to(root)
        root.set("itemscope", "")
    try:
        found = MicrodataExtractor().extract_items(root, base_url)
    except Exception:  # noqa: BLE001  extruct promises nothing: a URL that is none, text that its cleaner cannot read
        return []
    return [_plain_item(item) for item in found if "properties" in item]


def _with_what_it_refers_to(root: Any) -> Any:
    """An element in a tree of its own, where extruct has only its items to number; `itemref` is followed into it."""
    alone = copy.deepcopy(root)
    alone.tail = None
    for item in alone.xpath("descendant-or-self::*[@itemref]"):
        for name in dict.fromkeys(item.get("itemref").split()):
            if not alone.xpath("descendant-or-self::*[@id = $name]", name=name):
                item.extend(map(copy.deepcopy, root.getroottree().xpath("//*[@id = $name]", name=name)[:1]))
    return alone


def meta_values(root: Any) -> dict[str, list[str]]:
    """The `content` of each `<meta>`, by its `name` or `property` in lower case, in the page's order."""
    found: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        content = (element.get("content") or "").strip()
        for name in dict.fromkeys((element.get("property"), element.get("name"))):
            if name and content:
                found.setdefault(name.strip().lower(), []).append(content)
    return found


def looked_up(path: Any, objects: list[JsonObject], known: list[JsonObject]) -> list[Any]:
    """What a JMESPath expression gives in the objects.

    One that begins with `[` is asked of the list of all objects, any other of each object in turn. A plain path, such
    as `author.name`, goes into the members of lists as well, since any property may be there several times, and to
    the object of `known` where one only tells another's `@id`.
    """
    from jmespath.exceptions import JMESPathError

    if PLAIN_PATH.fullmatch(path.expression.strip()):
        return _stepped(path.expression, objects, known)
    asked = [objects] if path.expression.lstrip().startswith("[") else objects
    found: list[Any] = []
    for one in asked:
        try:
            value = path.search(one)
        except (JMESPathError, TypeError, ValueError):  # a function of JMESPath got what it cannot take
            continue
        found.extend(value if isinstance(value, list) else [] if value is None else [value])
    return found


def _stepped(expression: str, objects: list[JsonObject], known: list[JsonObject]) -> list[Any]:
    found: list[Any] = list(objects)
    for bare, quoted in PATH_STEP.findall(expression):
        values = [one.get(bare or quoted) for one in found if isinstance(one, Mapping)]
        flat = [member for value in values for member in (value if isinstance(value, list) else [value])]
        found = [_meant(one, known) for one in flat if one is not None]
    return found


def _meant(value: Any, known: list[JsonObject]) -> Any:
    if not isinstance(value, Mapping) or list(value) != ["@id"]:
        return value
    others = (one for one in known if one.get("@id") == value["@id"] and len(one) > 1)
    return next(others, value)


def as_text(value: Any) -> str:
    """A value of JSON as a person would write it; of an object, its value, name or address."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return written_number(value) or ""
    if isinstance(value, Mapping):
        named = (value.get(key) for key in ("@value", "name", "text", "url", "@id"))
        return next((one for one in named if isinstance(one, str)), "")
    if isinstance(value, list):
        return ", ".join(filter(None, map(as_text, value)))
    return ""


def as_address(value: Any) -> str:
    """Where what a value of JSON stands for is: the address in an object, the first of a list; empty where none is."""
    if isinstance(value, str):
        return value
    inner = value if isinstance(value, list) else []
    if isinstance(value, Mapping):
        inner = [value.get(key) for key in ("contentUrl", "url", "@value", "@id")]
    return next(filter(None, map(as_address, inner)), "")


def _is_json_ld(script: Any) -> bool:
    return (script.get("type") or "").split(";")[0].strip().lower() == "application/ld+json"


def _parsed(script: Any) -> list[Any]:
    from extruct.jsonld import JsonLdExtractor

    alone = copy.copy(script)
    alone.set("type", "application/ld+json")
    for unwrapped in (False, True):
        try:
            if unwrapped:
                alone.text = _unwrapped(alone.text or "")
            found = list(JsonLdExtractor().extract_items(alone))
        except (ValueError, RecursionError, IndexError):
            continue
        if found:
            return found
    return []


def _unwrapped(script: str) -> str:
    """A script without what pages put round it to hide it from old browsers and XML parsers, and without a last `;`."""
    return _after(_WRAPPED_BEGIN, _after(_WRAPPED_END, script[::-1])[::-1])


def _after(beginning: re.Pattern[str], text: str) -> str:
    found = beginning.match(text)
    return text[found.end() :] if found else text


def _flat(values: list[Any]) -> Iterator[JsonObject]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        elif isinstance(value, dict):
            members = value.get("@graph")
            if value.keys() - {"@context", "@graph"}:
                yield value
            if isinstance(members, list | dict):
                yield from _flat(members if isinstance(members, list) else [members])


def _plain_item(item: Mapping[str, Any]) -> JsonObject:
    named = {f"@{key}": item[key] for key in ("type", "id") if key in item}
    return named | {name: _plain_value(value) for name, value in item.get("properties", {}).items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain_value(one) for one in value]
    if isinstance(value, Mapping):
        return _plain_item(value) if "properties" in value else value.get("value", "")
    return value
