"""Publishing to the Hugging Face Hub: one commit, or none when nothing changed.

What the Hub has is looked at first. Where it is the release already, there is nothing to do but to say so in the store;
else the intent is written, all changed files go up in one commit that names the commit it was made on, and the store is
told the new one. A run that was killed between the two finds its own files at the next look. Two writers cannot
overwrite each other unseen: the Hub refuses a commit on a parent that is no longer the newest.
"""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.database import Store
from store.errors import TilthError
from store.release.build import Release, verify
from store.release.facts import file_hash
from store.release.folder import Published
from store.release.hub_errors import HubRefused, HubTokenMissing, check_name, clear_about_the_hub, status_of
from store.releases import Publication, confirm, intend

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.hf_api import RepoFile

OUR_DATA = re.compile(r"data/(train|validation|test)-\d{5}-of-\d{5}\.parquet")
WAIT_SECONDS = 30.0


class HubChanged(TilthError):
    """Others kept changing the dataset while it was being published."""


@dataclass(frozen=True)
class HubTree:
    """What a dataset on the Hub holds at one commit."""

    revision: str
    files: Mapping[str, "RepoFile"]

    def changed(self, release: Release) -> list[str]:
        """The files of the release that are not there, or not the same."""
        return [path for path in release.paths if not self._has(release, path)]

    def stale(self, release: Release) -> list[str]:
        """Parquet files there that an earlier release left."""
        return sorted(path for path in self.files if OUR_DATA.fullmatch(path) and path not in release.files)

    def holds(self, release: Release) -> bool:
        """Whether a commit would change nothing."""
        return not self.changed(release) and not self.stale(release)

    def _has(self, release: Release, path: str) -> bool:
        from huggingface_hub.utils.sha import git_hash

        there, here = self.files.get(path), release.folder / path
        if there is None:
            return False
        if there.lfs is not None:
            return there.lfs.sha256 == (release.files.get(path) or file_hash(here))
        return there.blob_id == git_hash(here.read_bytes())


def publish_to_hub(store: Store, release: Release, repo_id: str, *, token: str | None = None) -> Published:
    """Make the dataset `repo_id` on the Hub hold a release, by one commit, and none when it holds it already.

    The dataset is made where there is none. Parquet files of earlier releases go; whatever else others put there stays.

    Args:
        repo_id: `user/name` or `organisation/name`.
        token: With write rights; `HF_TOKEN` of the environment, when absent. `HF_ENDPOINT` names another Hub.

    Raises:
        HubNameWrong, HubTokenMissing, HubTokenRefused: The request cannot be met; nothing was changed on the Hub.
        HubUnreachable: Run it again: what had already arrived is looked up, not repeated.
        HubRefused, HubChanged: The Hub did not accept it, or others were faster twice.
        NotARelease: `release` is no longer what it was built as.
    """
    check_name(repo_id)
    api = _api(token)
    verify(release)
    publication = Publication(release.snapshot_id, release.model_id, f"hf://datasets/{repo_id}", release.content_hash)
    url = f"{api.endpoint}/datasets/{repo_id}"
    for _ in range(2):
        store.let_go()
        with clear_about_the_hub(repo_id, api.endpoint):
            there = _look(api, repo_id)
        if there is not None and there.holds(release):
            confirm(store, publication, there.revision)
            return Published(publication.target, release.content_hash, there.revision, False, url)
        intend(store, publication)
        store.let_go()
        with clear_about_the_hub(repo_id, api.endpoint):
            revision = _commit(api, repo_id, release, there)
        if revision is not None:
            confirm(store, publication, revision)
            return Published(publication.target, release.content_hash, revision, True, url)
    raise HubChanged(f"Others changed {repo_id} twice while it was being published; run the same command again.")


def _api(token: str | None) -> "HfApi":
    token = (token or os.environ.get("HF_TOKEN") or "").strip()
    if not token:
        raise HubTokenMissing(
            "HF_TOKEN is not set, and the Hub takes nothing without a token. Make one with write rights at "
            "https://huggingface.co/settings/tokens and set HF_TOKEN to it."
        )
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()  # nobody watches
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token, library_name="tilth")


def _look(api: "HfApi", repo_id: str, revision: str | None = None) -> HubTree | None:
    """The dataset at its newest commit, or at `revision`; `None` where there is no such dataset."""
    from huggingface_hub.errors import RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    try:
        head = api.repo_info(repo_id, repo_type="dataset", revision=revision, timeout=WAIT_SECONDS).sha
    except RepositoryNotFoundError:
        return None
    entries = api.list_repo_tree(repo_id, recursive=True, revision=head, repo_type="dataset")
    return HubTree(str(head), {entry.path: entry for entry in entries if isinstance(entry, RepoFile)})


def _commit(api: "HfApi", repo_id: str, release: Release, there: HubTree | None) -> str | None:
    """Commit what differs on top of `there` and give the new commit; `None` where there is a newer one by now."""
    from huggingface_hub.errors import HfHubHTTPError

    if there is None:
        api.create_repo(repo_id, repo_type="dataset", exist_ok=True)
        there = _look(api, repo_id)
        if there is None:
            raise HubRefused(f"{api.endpoint} made {repo_id} and then did not know it; run the same command again.")
    records = sum(release.splits.values())
    try:
        done = api.create_commit(
            repo_id,
            operations=_operations(release, there),
            commit_message=f"Publish {release.name}: {records} records",
            commit_description=f"Snapshot {release.snapshot_id}, content {release.content_hash}.",
            repo_type="dataset",
            parent_commit=there.revision,
        )
    except HfHubHTTPError as error:
        if status_of(error) == 412:
            return None
        raise
    now = _look(api, repo_id, done.oid)
    if now is None or not now.holds(release):
        raise HubRefused(
            f"{repo_id} took the commit {done.oid[:12]} but does not hold all of the release; look at its .gitignore, "
            "which may name our files, and run the same command again."
        )
    return done.oid


def _operations(release: Release, there: HubTree) -> list["CommitOperationAdd | CommitOperationDelete"]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added = [CommitOperationAdd(path, str(release.folder / path)) for path in there.changed(release)]
    return [*added, *(CommitOperationDelete(path) for path in there.stale(release))]
