"""Simulated annotators: how often they are right, and that they answer through the API once."""

from collections import Counter
from types import SimpleNamespace

import pyarrow as pa
import pytest

from labeling.answers import RELOOK
from labeling.simulated_annotators import (
    AnswersGiven,
    NoTruth,
    SimulatedAnnotator,
    answer_open_tasks,
    who_answers,
)
from store.errors import RequestError

CLASSES = ("soil", "water", "seed", "tool")


def annotator(name="ann", care=0.8, **more):
    return SimulatedAnnotator(name, CLASSES, care, **more)


def share_right(who, attempt=0, n=2000):
    return sum(who.answer(f"r{i}", "soil", attempt) == {"label": "soil"} for i in range(n)) / n


@pytest.mark.parametrize("care", [0.6, 0.8, 0.95, 1.0])
def test_they_are_right_as_often_as_their_care_says(care):
    assert share_right(annotator(care=care)) == pytest.approx(care, abs=0.03)


def test_a_second_look_is_more_careful():
    assert share_right(annotator(care=0.7), attempt=1) == pytest.approx(1 - 0.3 * 0.3, abs=0.03)


def test_half_of_the_mistakes_are_a_near_class():
    who = annotator(care=0.01, near={"soil": ["seed"]})
    given = Counter(who.answer(f"r{i}", "soil")["label"] for i in range(3000))
    wrong = sum(given.values()) - given["soil"]
    assert given["seed"] / wrong == pytest.approx(0.5 + 0.5 / 3, abs=0.04)


def test_answers_follow_from_seed_record_and_attempt_alone():
    one = [annotator().answer(f"r{i}", "soil") for i in range(50)]
    assert [annotator().answer(f"r{i}", "soil") for i in reversed(range(50))] == one[::-1]
    assert [annotator(seed=1).answer(f"r{i}", "soil") for i in range(50)] != one
    assert [annotator("ben").answer(f"r{i}", "soil") for i in range(50)] != one
    assert annotator().lead_time("r1") == annotator().lead_time("r1") > 0


def test_a_truth_outside_the_classes_is_refused():
    with pytest.raises(NoTruth, match='"rock" of record r1'):
        annotator().answer("r1", "rock")


@pytest.mark.parametrize("care", [0, -0.1, 1.2])
def test_care_must_be_a_probability(care):
    with pytest.raises(RequestError, match="care"):
        annotator(care=care)


class FakeProject:
    """A project that keeps what it is told, as Label Studio does: an id once."""

    origin = "studio/1"
    id = 1

    def __init__(self, names):
        self.client = SimpleNamespace(
            all_tasks=lambda _: [SimpleNamespace(id=i, assignment_id=name) for i, name in enumerate(names)],
            ensure_users=lambda names: dict.fromkeys(names, 1),
        )
        self.given = {}

    def annotate(self, task_id, value, *, annotator, lead_time, unique_id):
        if unique_id in self.given:
            return None
        self.given[unique_id] = (task_id, annotator, value["label"])
        return len(self.given)


def asked(n=10, wanted=1, purpose="selected"):
    return pa.table(
        {
            "assignment_id": [f"a{i}" for i in range(n)],
            "record_id": [f"r{i}" for i in range(n)],
            "purpose": [purpose] * n,
            "answers_wanted": [wanted] * n,
        }
    )


PEOPLE = [annotator("ann", 0.9), annotator("ben", 0.8), annotator("cem", 0.7)]
TRUTH = {f"r{i}": "soil" for i in range(10)}


def test_each_task_gets_as_many_answers_as_it_wants_from_different_people():
    project = FakeProject([f"a{i}" for i in range(10)])
    assert answer_open_tasks(project, PEOPLE, TRUTH, asked(wanted=2)) == AnswersGiven(given=20, known=0, missing=0)
    by_task = Counter(task for task, _, _ in project.given.values())
    assert set(by_task.values()) == {2}
    assert len({(task, who) for task, who, _ in project.given.values()}) == 20


def test_answering_again_gives_nothing_twice():
    project = FakeProject([f"a{i}" for i in range(10)])
    answer_open_tasks(project, PEOPLE, TRUTH, asked().slice(0, 4))
    assert answer_open_tasks(project, PEOPLE, TRUTH, asked()) == AnswersGiven(given=6, known=4, missing=0)


def test_what_is_not_in_the_studio_is_said():
    project = FakeProject(["a0"])
    assert answer_open_tasks(project, PEOPLE, TRUTH, asked()).missing == 9


def test_a_second_look_is_answered_as_one():
    project = FakeProject([f"a{i}" for i in range(10)])
    careless = [annotator("ann", 0.05)]
    answer_open_tasks(project, careless, TRUTH, asked(purpose=RELOOK))
    second = {f"r{task}": label for task, _, label in project.given.values()}
    assert second == {name: careless[0].answer(name, "soil", 1)["label"] for name in TRUTH}


def test_an_unknown_truth_is_refused_before_anything_is_answered():
    project = FakeProject(["a0"])
    with pytest.raises(NoTruth, match="r9"):
        answer_open_tasks(project, PEOPLE, {name: "soil" for name in TRUTH if name != "r9"}, asked())
    assert project.given == {}


def test_more_answers_than_people_are_refused():
    with pytest.raises(RequestError, match="wants 4 answers"):
        answer_open_tasks(FakeProject(["a0"]), PEOPLE, TRUTH, asked(wanted=4))


def test_the_work_is_spread_over_the_annotators():
    first = Counter(who_answers(f"a{i}", PEOPLE, 1)[0].name for i in range(600))
    assert min(first.values()) > 150
