"""Curation of a project's records, and how it is told."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tilth.project import Project

if TYPE_CHECKING:
    from store.curation.curate import Curated
    from store.release.transform import Transform
    from tilth.cli.console import Advance

STEPS = {
    "language": ("another language", "languages"),
    "length": ("too short or too long", "min_chars, max_chars"),
    "letters": ("few letters", "min_letters"),
    "repetition": ("lines repeat", "max_repeated_lines"),
    "notice": ("not found, cookies and the like", "notices"),
    "boilerplate": ("the frame of a site", "max_boilerplate"),
    "split": ("near-equal to what is measured with", ""),
}
"""By step, what it finds, and the keys of `[curation]` that set it."""


def curate_project(project: Project, advance: "Advance", *, dry_run: bool) -> "Curated":
    """Run curation with the settings of the project file."""
    from store.curation.curate import curate

    settings = project.file.curation.settings(project.file.project.language)
    with project.open_store() as store:
        # One bar for all steps: each has as many records at most as the next.
        return curate(store, settings, progress=lambda _, done, total: advance(done, total), dry_run=dry_run)


def release_transform(project: Project) -> "Transform | None":
    """What the project file says is done with personal data in the rows of a release, before they are written."""
    from store.curation import pseudonyms
    from store.curation.pii.find import finder

    declared = project.file.curation
    if declared.pii_in_releases == "keep":
        return None
    looking = finder(declared.settings(project.file.project.language))
    return pseudonyms.release_transform(declared.pii_in_releases, looking, project.folder)


def rows(found: "Curated") -> list[list[Any]]:
    """What each step found: its name, what, the keys that set it, and how many records it set aside."""
    told: list[list[Any]] = [["near-equal", f"{found.duplicates.clusters} clusters", "", found.duplicates.set_aside]]
    told += [[step, *STEPS[step], count] for step, count in found.set_aside.items()]
    return told


def lines(found: "Curated") -> list[str]:
    """What else there is to say, in sentences."""
    languages = ", ".join(f"{code} {count}" for code, count in list(found.languages.items())[:8])
    said = [f"Languages: {languages}."] if languages else []
    if found.personal:
        kinds = ", ".join(f"{kind} {count}" for kind, count in found.personal.items())
        said.append(f"Personal data, in records: {kinds}.")
    said.append(f"{found.records} records; {found.left_out} set aside and kept, {found.records - found.left_out} left.")
    return said


def as_dict(found: "Curated") -> dict[str, Any]:
    """The figures for programs."""
    return asdict(found)
