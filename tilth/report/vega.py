"""The library that draws the charts, as one piece of JavaScript to stand inside the page."""

from functools import cache
from importlib.metadata import version

from store.cache_folder import cache_folder


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and vega-embed, safe inside a `<script>` element.

    Putting them together takes seconds, so the user's cache folder keeps them, for each version of the package.
    """
    kept = cache_folder() / f"vega-{version('vl-convert-python')}.js"
    try:
        return kept.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        pass  # not there yet
    import vl_convert

    made: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # the stub forgets that it needs no snippet
    made = made.replace("</script", "<\\/script")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".unfinished")
        unfinished.write_text(made, encoding="utf-8")
        unfinished.replace(kept)
    except OSError:
        pass  # a cache that cannot be written only costs time
    return made
