"""What a page says of itself for machines: JSON-LD, microdata, Open Graph and `<meta>`.

extruct finds the first two; it is used here and nowhere else. Markup that is broken says nothing, and is no error.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

JsonObject = Mapping[str, Any]


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
        root = copy.deepcopy(root)  # of its own tree: extruct numbers all items of a tree
        root.tail = None
        root.set("itemscope", "")
    try:
        found = MicrodataExtractor().extract_items(root, base_url)
    except Exception:  # noqa: BLE001  extruct promises nothing: a URL that is none, text that its cleaner cannot read
        return []
    return [_plain_item(item) for item in found if "properties" in item]


def meta_values(root: Any) -> dict[str, list[str]]:
    """The `content` of each `<meta>`, by its `name` or `property` in lower case, in the page's order."""
    found: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        content = (element.get("content") or "").strip()
        for name in dict.fromkeys((element.get("property"), element.get("name"))):
            if name and content:
                found.setdefault(name.strip().lower(), []).append(content)
    return found


def looked_up(path: Any, objects: list[JsonObject]) -> list[Any]:
    """What a JMESPath expression gives in the objects.

    One that begins with `[` is asked of the list of all objects, any other of each object in turn.
    """
    from jmespath.exceptions import JMESPathError

    asked = [objects] if path.expression.lstrip().startswith("[") else objects
    found: list[Any] = []
    for one in asked:
        try:
            value = path.search(one)
        except (JMESPathError, TypeError, ValueError):  # a function of JMESPath got what it cannot take
            continue
        found.extend(value if isinstance(value, list) else [] if value is None else [value])
    return found


def as_text(value: Any) -> str:
    """A value of JSON as a person would write it; of an object, its value, name or address."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) and value == int(value) else str(value)
    if isinstance(value, Mapping):
        named = (value.get(key) for key in ("@value", "name", "text", "url", "@id"))
        return next((one for one in named if isinstance(one, str)), "")
    if isinstance(value, list):
        return ", ".join(filter(None, map(as_text, value)))
    return ""


def _is_json_ld(script: Any) -> bool:
    return (script.get("type") or "").split(";")[0].strip().lower() == "application/ld+json"


def _parsed(script: Any) -> list[Any]:
    from extruct.jsonld import JsonLdExtractor

    alone = copy.copy(script)
    alone.set("type", "application/ld+json")
    try:
        return list(JsonLdExtractor().extract_items(alone))
    except (ValueError, RecursionError, IndexError):
        return []


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
