"""Giving a project's labelled data away: snapshots and releases."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import RequestError
from tilth.project import Project

if TYPE_CHECKING:
    from store.database import Store
    from store.release.build import Release
    from store.release.facts import Agreement, ModelFacts, ReleaseFacts
    from store.snapshots import Snapshot

Say = Callable[[str], None]
HOLDOUT_FIGURES = ("accuracy", "macro_f1", "expected_calibration_error")


class NoTarget(RequestError):
    """Nothing says where the release shall go."""


def snapshot_project(project: Project) -> "Snapshot":
    """Keep the labelled data as it is now."""
    from store.snapshots import take_snapshot

    with project.open_store() as store:
        return take_snapshot(store, project.schema)


def publish_project(project: Project, *, to: Path | None, hub: str | None, say: Say) -> Iterator[str]:
    """Build a release of what is labelled now, and put it into a folder or onto the Hub.

    Raises:
        NoTarget: There is neither a folder nor a name on the Hub.
        LicenceMissing: The project file names no licence.
    """
    from store.release.build import build_release
    from store.release.folder import publish_to_folder
    from store.release.hub import publish_to_hub
    from store.snapshots import take_snapshot
    from tilth.curating import release_transform

    target = hub or project.file.project.hub
    if to is None and target is None:
        raise NoTarget(
            "Where shall it go? Into a folder with --to DIR, or to the Hub with --hub USER/NAME or [project] "
            "hub in tilth.toml."
        )
    with project.open_store() as store:
        snapshot = take_snapshot(store, project.schema)
        facts = release_facts(project, store, snapshot)
        facts.require_licence()
        release = build_release(
            store,
            snapshot.snapshot_id,
            project.folder / "releases" / snapshot.snapshot_id[:16],
            facts,
            policy=project.file.rights.policy,
            transform=release_transform(project),
        )
        say(
            f"Release of snapshot {snapshot.snapshot_id[:16]}: "
            + ", ".join(f"{n} {s}" for s, n in release.splits.items())
            + "."
        )
        if release.set_aside:
            say(f"{release.set_aside} records are left out: a near-equal one is in a split that measures.")
        for line in rights_lines(release):
            say(line)
        if to is not None:
            done = publish_to_folder(store, release, to)
        else:
            assert target is not None
            done = publish_to_hub(store, release, target)
    if done.changed:
        yield f"Published: {done.url}" + (f" at revision {done.revision}" if done.revision else "")
    else:
        yield f"Nothing changed: the same release is already at {done.url}"


def rights_lines(release: "Release") -> Iterator[str]:
    """How many records are not in a release because of rights or of personal data, and why."""
    from store.rights import SAID_IN_WORDS

    if release.held_back:
        why = "; ".join(f"{SAID_IN_WORDS[kind]}: {records}" for kind, records in release.because.items())
        yield f"{release.held_back} records are held back for what their pages say ({why})."
    if release.withdrawn:
        yield f"{release.withdrawn} of them were in an earlier release; this one no longer holds them."
    if release.transformed_away:
        yield f"{release.transformed_away} records are left out for the personal data in them."


def release_facts(project: Project, store: "Store", snapshot: "Snapshot") -> "ReleaseFacts":
    """What the project says of a release."""
    from store.release.facts import ReleaseFacts, source_facts

    declared = project.file.project
    return ReleaseFacts(
        name=declared.name,
        description=declared.description,
        license=declared.license or "",
        language=(declared.language,),
        schema=project.schema,
        sources=source_facts(store, snapshot.made_at),
        agreement=_agreement(project, store),
        model=_model(project, store),
        contact=declared.contact,
        hub=declared.hub,
    )


def _agreement(project: Project, store: "Store") -> "Agreement | None":
    from labeling.agreement import agreement
    from labeling.answers import read_answers
    from store.release.facts import Agreement

    given = read_answers(store)
    found = agreement(given.annotations, project.schema, relooks=given.relooks)
    people = len(set(given.annotations["annotator"].to_pylist()))
    return Agreement(found.alpha, found.records, people) if found.records else None


def _model(project: Project, store: "Store") -> "ModelFacts | None":
    from store import models
    from store.release.facts import Measured, ModelFacts, folder_hash

    current = models.current_model(store)
    if current is None:
        return None
    holdout = (current.metrics or {}).get("holdout", {})
    figures = {
        name: Measured(holdout[name]["value"], holdout[name]["low"], holdout[name]["high"])
        for name in HOLDOUT_FIGURES
        if name in holdout
    }
    return ModelFacts(
        model_id=current.model_id,
        rung=current.rung,
        encoder=current.encoder,
        hash=folder_hash(project.folder / current.path),
        metrics=figures,
        records=holdout.get("records"),
    )
