"""The lines of a text file, packed or not, one after another: memory does not grow with its size."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from crawlers.import_error import NotUtf8, NulBytes, UnreadableFile
from crawlers.tables.row import LARGEST_CELL, too_large

LARGEST_LINE = 16 * LARGEST_CELL
SAMPLE = 2**16
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
OTHERS = {
    b"PK\x03\x04": "a ZIP file, as spreadsheets (.xlsx, .ods) are; save its sheet as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "a spreadsheet or document of old Office programs; save its sheet as CSV in UTF-8",
    b"PAR1": "Parquet; call it .parquet",
    b"SQLite format 3": 'a SQLite database; read it with kind = "sql"',
    b"%PDF": "a PDF document, which has no rows",
}
"""What files turn out to be, by their first bytes, that are called something else."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, unpacked where it begins as gzip or zstd does, with newlines where it has carriage returns alone.

    Raises:
        UnreadableFile: It is none of text.
    """
    with ExitStack() as held:
        file: Any = held.enter_context(path.open("rb"))
        first = file.read(16)
        file.seek(0)
        for begins, what in OTHERS.items():
            if first.startswith(begins):
                raise UnreadableFile(f"{path}: the file is {what}.")
        if first.startswith(GZIP):
            file = held.enter_context(gzip.open(path))
        elif first.startswith(ZSTD):
            import pyarrow as pa

            file = held.enter_context(pa.input_stream(str(path), compression="zstd"))
        reader = io.BufferedReader(file, SAMPLE)
        with unpacking(path):
            sample = reader.peek(SAMPLE)
        yield io.BufferedReader(_AsNewlines(reader), SAMPLE) if _returns_alone(sample) else reader


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Turn what unpacking raises inside the block into an `UnreadableFile`."""
    try:
        yield
    except (EOFError, zlib.error, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise UnreadableFile(f"{path}: the file is damaged or cut short ({str(error).rstrip('.')[:200]}).") from error


def _returns_alone(sample: bytes) -> bool:
    return b"\r" in sample[:-1] and b"\n" not in sample


class _AsNewlines(io.RawIOBase):
    """Bytes whose lines end in a carriage return, as old programs write them, as if they ended in a newline."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As a raw file does."""
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece.replace(b"\r", b"\n")
        return len(piece)


class Lines:
    """A file's lines as text, and errors that name a byte.

    Attributes:
        number: Of the last line that was given, from 1.
        last: That line.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file = path, file
        self.number = 0
        self.last = ""
        self._offset = 0

    def texts(self) -> Iterator[str]:
        """The lines with their ends.

        Raises:
            NotUtf8: One is not UTF-8.
            NulBytes: One holds a NUL.
            CellTooLarge: One is longer than any row.
            UnreadableFile: What the file is packed in is damaged.
        """
        while line := self._line():
            self.number += 1
            begins, self._offset = self._offset, self._offset + len(line)
            where = f"{self.path}:{self.number}"
            if len(line) == LARGEST_LINE and not line.endswith(b"\n"):
                raise too_large(where, None, LARGEST_CELL)
            if self.number == 1:
                self._refuse_utf_16(line)
                skipped = len(line) - len(line.removeprefix(b"\xef\xbb\xbf"))
                line, begins = line[skipped:], begins + skipped
            if b"\0" in line:
                at = begins + line.index(b"\0")
                raise NulBytes(f"{where}: byte {at} of the file is NUL, which text never holds; take it out.")
            try:
                self.last = line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise NotUtf8(
                    f"{where}: byte {begins + error.start} of the file is not UTF-8{_looks_like(line)}; "
                    "save the file as UTF-8."
                ) from error
            yield self.last

    def _line(self) -> bytes:
        with unpacking(self.path):
            return self.file.readline(LARGEST_LINE)

    def _refuse_utf_16(self, line: bytes) -> None:
        if line[:2] in (b"\xff\xfe", b"\xfe\xff") or line.count(b"\0") * 3 > len(line):
            raise NotUtf8(f"{self.path}: the file is UTF-16; save it as UTF-8.")


def _looks_like(line: bytes) -> str:
    """What the encoding may be: advice only, nothing is decoded by a guess."""
    from charset_normalizer import from_bytes

    guess = from_bytes(line[:SAMPLE]).best()
    return f" (the line looks like {guess.encoding})" if guess is not None and guess.encoding else ""
