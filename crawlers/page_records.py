"""What on a page is a record: the keys that every source of HTML pages shares, fetched or kept in WARC files."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from crawlers.declaration import Declaration, Place, SourceError
from crawlers.extraction.selectors import check_field, check_items, of_whole_page


class PageRecords(Declaration):
    """A source of pages, each of which is one record or holds several.

    A kind whose fields are no selectors of HTML overrides `check_item` and `check_field`.

    Attributes:
        item: CSS, `xpath:…` or `json-ld:…` of what is one record each; none: the main text of the page is the record.
        key: A field selector for the item's own id.
        fields: Field selectors by name, relative to the item: `text` is the record's text, `image` names images that
            become records, the others are its metadata. A CSS selector without `::text` or `::attr(…)` gives the
            element's whole text.
    """

    item: str | None = None
    key: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def check_item(cls, selector: str) -> None:
        """Raise `SourceError` unless `item` can be this."""
        check_items(selector, "item", ("item",), json_ld=True)

    @classmethod
    def check_field(cls, selector: str, what: str, place: Place) -> None:
        """Raise `SourceError` unless `key` or a field can be this; `what` names it for a person."""
        check_field(selector, what, place)

    @field_validator("item")
    @classmethod
    def _item_selector(cls, selector: str | None) -> str | None:
        if selector is not None:
            cls.check_item(selector)
        return selector

    @field_validator("key")
    @classmethod
    def _key_selector(cls, selector: str | None) -> str | None:
        if selector is not None:
            cls.check_field(selector, "key", ("key",))
        return selector

    @field_validator("fields")
    @classmethod
    def _field_selectors(cls, fields: dict[str, str]) -> dict[str, str]:
        for name, selector in fields.items():
            cls.check_field(selector, f"fields.{name}", ("fields", name))
        return fields

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.item is not None and not {"text", "image"} & self.fields.keys():
            raise SourceError(("fields",), 'an item needs a field "text"; add it under [source.fields].')
        if self.item is None and not all(map(of_whole_page, self.fields.values())):
            raise SourceError(
                ("fields",), 'fields are looked for inside an item; say which element is one with item = "…".'
            )
        if self.item is None and self.key is not None:
            raise SourceError(("key",), 'key is looked for inside an item; say which element is one with item = "…".')
        if self.item is not None and self.item.startswith("json-ld:"):
            self._fits_json_ld_items()
        return self

    def _fits_json_ld_items(self) -> None:
        asked = {("fields", name): selector for name, selector in self.fields.items()}
        for place, selector in (asked | ({("key",): self.key} if self.key else {})).items():
            if not selector.startswith(("json-ld:", "og:", "meta:")):
                raise SourceError(
                    place,
                    f'{".".join(place)} selector "{selector}" looks for an element, but the items are JSON-LD objects; '
                    'write "json-ld:…".',
                )
