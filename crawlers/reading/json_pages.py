"""JSON as servers send it, and what JMESPath finds in it."""

import codecs
import json
import math
import re
from typing import Any

from crawlers.reading.values import clean

LONGEST_NUMBER = 400
"""Digits; a longer number is kept as the text that it is."""


class NotJson(ValueError):
    """A body is not JSON; the message is a clause that says where."""


def read_json(body: bytes, content_type: str | None = None) -> Any:
    """The value that a body holds.

    RFC 8259 is read kindly: a byte order mark is skipped, UTF-16, UTF-32 and a declared charset are understood, NaN and
    the infinities are null, of a name that stands twice the last value counts, and a number that no float or 64-bit
    integer holds stays the text that it is.

    Args:
        body: As fetched.
        content_type: The header, for its charset.

    Raises:
        NotJson: With the place.
    """
    text = _decoded(body, content_type)
    if not text.strip():
        raise NotJson("it is empty")
    try:
        return json_value(text)
    except json.JSONDecodeError as error:
        looks = "; it looks like HTML" if re.match(r"\s*<(!doctype|html|head|body|\?xml)", text, re.IGNORECASE) else ""
        raise NotJson(f"{_lower(error.msg)} at line {error.lineno}, column {error.colno}{looks}") from error
    except RecursionError as error:
        raise NotJson("it is nested too deep") from error


def json_value(text: str) -> Any:
    """The value of a JSON text, with numbers as `read_json` takes them.

    Raises:
        json.JSONDecodeError: It is not JSON.
        RecursionError: It is nested too deep.
    """
    return DECODER.decode(text)


def _decoded(body: bytes, content_type: str | None) -> str:
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        declared = re.search(r"charset\s*=\s*\"?([\w.:-]+)", content_type or "", re.IGNORECASE)
        if declared and _known(declared[1]) not in (None, _known(encoding)):
            try:
                return body.decode(declared[1])
            except (UnicodeDecodeError, ValueError):
                pass
        raise NotJson(f"byte {error.start} is not {encoding.upper().replace('-SIG', '')}") from error


def _known(encoding: str) -> str | None:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return None


def _whole(digits: str) -> Any:
    value = int(digits) if len(digits) < LONGEST_NUMBER else None
    return value if value is not None and -(2**63) <= value < 2**63 else digits


def _fraction(digits: str) -> Any:
    value = float(digits)
    return value if math.isfinite(value) else digits


DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=lambda _: None)


def _lower(said: str) -> str:
    return said[:1].lower() + said[1:]


def what_it_is(value: Any) -> str:
    """A JSON value's kind in words: `a list`, `an object`, `a number`."""
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        dict: "an object",
        list: "a list",
        str: "a string",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), type(value).__name__)


def why_not_jmespath(expression: str) -> str | None:
    """Why an expression is no JMESPath (https://jmespath.org/specification.html), as a clause with its place."""
    import jmespath
    from jmespath.exceptions import EmptyExpressionError, JMESPathError, LexerError, ParseError, UnknownFunctionError

    try:
        jmespath.compile(expression).search(None)  # only searching tells that a function is not known
    except EmptyExpressionError:
        return "it is empty"
    except (ParseError, LexerError) as error:
        place = getattr(error, "lex_position", None)
        if place is None:
            place = getattr(error, "lexer_position", None)
        return f"character {place + 1} is not expected there" if place is not None else "it does not end"
    except UnknownFunctionError as error:
        return _lower(clean(str(error)).splitlines()[0][:120])
    except JMESPathError:
        return None  # it cannot work on nothing, such as length(@)
    return None


def find(expression: str, value: Any) -> Any:
    """What a JMESPath expression finds in a value; None where nothing, or where a function fails on it."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(expression, value)
    except JMESPathError:
        return None
