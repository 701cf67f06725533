"""A body that is itself a gzip file, unpacked piece by piece and never past a limit."""

import zlib
from collections.abc import Iterator
from itertools import chain

GZIP = b"\x1f\x8b"
PIECE = 2**16
WRAPPINGS = 2
"""A file that was packed, and packed once more by its server; more is no accident."""


class TooLarge(ValueError):
    """It unpacks to more than it may."""


class BrokenOff(ValueError):
    """It is cut short or damaged; what came before it was given."""


def unpacked(body: bytes, largest: int) -> Iterator[bytes]:
    """The bytes of `body` in pieces of 64 KiB and over, but for the last; unpacked where they begin as gzip does.

    Args:
        body: As fetched.
        largest: Bytes that it may unpack to.

    Raises:
        TooLarge: After `largest` bytes were given.
        BrokenOff: The gzip ends early or is damaged, after what could be unpacked was given.
    """
    pieces: Iterator[bytes] = (body[at : at + PIECE] for at in range(0, len(body), PIECE))
    for _ in range(WRAPPINGS):
        first = next(pieces, b"")
        pieces = chain([first], pieces)
        if not first.startswith(GZIP):
            break
        pieces = _gunzip(pieces)
    given = 0
    held = b""
    try:
        for piece in pieces:
            given += len(piece)
            if given > largest:
                raise TooLarge(f"it unpacks to over {largest:,} bytes")
            held += piece
            if len(held) >= PIECE:
                yield held
                held = b""
    except (TooLarge, BrokenOff):
        if held:
            yield held
        raise
    if held:
        yield held


def _gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(wbits=31)
    for piece in pieces:
        while piece:
            if inflate.eof:  # a gzip file may be several, one after another; what follows and is none is padding
                if not piece.startswith(GZIP):
                    return
                inflate = zlib.decompressobj(wbits=31)
            try:
                yield inflate.decompress(piece, PIECE)
                while inflate.unconsumed_tail:
                    yield inflate.decompress(inflate.unconsumed_tail, PIECE)
            except zlib.error as error:
                raise BrokenOff("its gzip is damaged") from error
            piece = inflate.unused_data if inflate.eof else b""
    if not inflate.eof:
        raise BrokenOff("its gzip ends early")
