"""Publishing to a folder: there whole, or not there."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from store.database import Store
from store.release.build import MANIFEST, NotARelease, Release, check_ours, read_release, verify
from store.release.placing import beside, clear_about_writing, put_in_place, settle
from store.releases import Publication, confirm, intend


@dataclass(frozen=True)
class Published:
    """Where a release is.

    Attributes:
        target: The folder, or `hf://datasets/name`.
        revision: The Hub's commit; `None` for a folder.
        changed: False where the same release was there already.
        url: Where a person finds it.
    """

    target: str
    content_hash: str
    revision: str | None
    changed: bool
    url: str


def publish_to_folder(store: Store, release: Release, folder: Path) -> Published:
    """Copy a release to `folder`: nobody ever finds half of it there, and doing it again changes nothing.

    An earlier release in the folder is replaced; files there that are not a release's own (a note, a `.git`) are kept.

    Raises:
        FolderOccupied: The folder holds something and is no release.
        FolderUnwritable, DiskFull: It cannot be written.
        NotARelease: `release` is no longer what it was built as.
    """
    folder = folder.expanduser().absolute()
    publication = Publication(release.snapshot_id, release.model_id, str(folder), release.content_hash)
    verify(release)
    with clear_about_writing(folder):
        settle(folder)
        check_ours(folder)
        changed = not _is_there(release, folder)
    if changed:
        intend(store, publication)
        store.let_go()
        with clear_about_writing(folder):
            _copy(release, folder)
    confirm(store, publication)
    return Published(str(folder), release.content_hash, None, changed, folder.as_uri())


def _is_there(release: Release, folder: Path) -> bool:
    try:
        there = read_release(folder)
        verify(there)
    except NotARelease:
        return False
    return there.content_hash == release.content_hash


def _copy(release: Release, folder: Path) -> None:
    new = beside(folder)
    new.mkdir(parents=True)
    for name in release.paths:
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(release.folder / name, new / name)
    if folder.exists() and any(folder.iterdir()):
        _keep_others(folder, new)
    put_in_place(new, folder)


def _keep_others(folder: Path, new: Path) -> None:
    ours = {MANIFEST, *read_release(folder).files}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.as_posix() in ours or (new / name).exists() or (path.is_dir() and not path.is_symlink()):
            continue
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, new / name, follow_symlinks=False)
