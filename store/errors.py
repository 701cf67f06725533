"""The troubles that a person can meet, and the exit code that each of them means.

Every room's errors descend from `TilthError`. A message is one or two sentences: what is wrong, where, what to do.
"""


class TilthError(Exception):
    """Something went wrong; the message says what, where and what to do."""

    exit_code = 1


class RequestError(TilthError):
    """What was asked for, or the project file, is wrong: asking again gives the same answer."""

    exit_code = 2


class LabelError(RequestError):
    """A value is not an answer that the label schema allows."""


class SchemaError(RequestError):
    """The label schema contradicts itself or what was already labelled under it."""
