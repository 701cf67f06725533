"""What can be wrong with a file that is to be imported. Each refuses the whole file: the store stays as it was."""

from store.errors import RequestError


class ImportRefused(RequestError):
    """A file cannot be imported as asked for."""


class NoSuchFile(ImportRefused):
    """There is no such file, or it may not be read."""


class UnknownFormat(ImportRefused):
    """The file's extension says nothing that can be imported."""


class UnreadableFile(ImportRefused):
    """The file is not what its extension says, or is damaged."""


class EmptyFile(ImportRefused):
    """There is nothing in the file, or nothing but its header."""


class MissingColumn(ImportRefused):
    """A column that was asked for is not there.

    Attributes:
        column: Its name.
    """

    def __init__(self, message: str, column: str) -> None:
        super().__init__(message)
        self.column = column


class NotUtf8(ImportRefused):
    """Bytes of the file are not UTF-8."""


class NulBytes(ImportRefused):
    """The file holds NUL bytes, which text never does."""


class CellTooLarge(ImportRefused):
    """A cell holds more than a text that a person could label."""


class BadRow(ImportRefused):
    """A row does not have the form that the others have."""


class BadLabel(ImportRefused):
    """A label is not one that the schema allows, or a split is not one that there is."""


class NoText(ImportRefused):
    """Not one row has text."""
