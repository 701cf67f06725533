"""Second opinions: a task that was answered is opened for more people, and Label Studio keeps who answered it out."""

from collections.abc import Mapping

from labeling.studio_project import StudioProject
from store.assignments import assignments
from store.database import Store


def open_for_more(store: Store, project: StudioProject, wanted: Mapping[str, int]) -> int:
    """Ask for as many answers, by different people, to the tasks of assignments as `wanted` says, by assignment id.

    May be killed and called again. A task that is not there any more is passed over.

    Returns:
        How many tasks are open for more people now.

    Raises:
        ProjectGone, StudioUnreachable, StudioRefused: Label Studio cannot be told; try again.
    """
    sent = assignments(store, ids=list(wanted), states=("sent", "answered"))["assignment_id"].to_pylist()
    store.let_go()
    tasks = project.client.tasks_of(project.id, sent) if sent else []
    for task in tasks:
        answers = wanted[task.assignment_id or ""]
        if task.overlap < answers:
            project.client.set_overlap(task.id, answers)
    return len(tasks)
