"""Twins: a second task of one assignment, left by an import that ended after its client had died."""

from collections.abc import Mapping, Sequence

from labeling.studio_project import StudioProject
from labeling.studio_task import StudioTask


def without_twins(
    project: StudioProject, found: Mapping[str, Sequence[StudioTask]]
) -> tuple[dict[str, StudioTask], int]:
    """Leave one task to each assignment: one that people have answered, else the first. Untouched others are deleted
    there.

    Args:
        found: The tasks of each assignment, by its id.

    Returns:
        The task that stays, by assignment id, and how many were deleted. A twin that people answered too is left alone.
    """
    kept, removed = {}, 0
    for name, tasks in found.items():
        kept[name] = max(tasks, key=lambda task: (task.touched, -task.id))
        for task in tasks:
            if task is not kept[name] and not task.touched:
                project.client.delete_task(task.id)
                removed += 1
    return kept, removed
