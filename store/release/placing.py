"""Putting a folder in the place of another so that nobody ever finds half of one.

The new folder is made beside the old, under a hidden name; then the old one steps aside and the new one takes its name,
two renames. A process that was killed between them left the old folder under its second hidden name: `settle` puts it
back before anything else is done.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.database import DiskFull
from store.errors import RequestError, TilthError


class FolderOccupied(RequestError):
    """The folder holds something that is not ours to replace."""


class FolderUnwritable(TilthError):
    """The folder cannot be written."""


def beside(folder: Path) -> Path:
    """Where the new folder is made."""
    return folder.with_name(f".{folder.name}.tilth-new")


def _stepped_aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.tilth-old")


def settle(folder: Path) -> None:
    """End what an earlier, killed `put_in_place` began."""
    old = _stepped_aside(folder)
    if old.exists():
        if folder.exists():
            shutil.rmtree(old)
        else:
            old.rename(folder)
    shutil.rmtree(beside(folder), ignore_errors=True)


def put_in_place(new: Path, folder: Path) -> None:
    """Let `new` take the name `folder`; what was there goes."""
    for path in [*new.rglob("*"), new]:
        _to_disk(path)
    old = _stepped_aside(folder)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    _to_disk(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _to_disk(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows does not open folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def clear_about_writing(folder: Path) -> Iterator[None]:
    """Say of an error of the file system what it means for `folder`."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(
                f"No space left on the disk that holds {folder}. What was there is as it was; free some room and "
                "run the same command again."
            ) from error
        raise FolderUnwritable(f"{folder} cannot be written ({error.strerror}); name another folder.") from error
