"""Which questions a budget of answers is spent on: those of which an answer is expected to tell most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from active_learning.pool import PoolError

Kind = Literal["new", "second-opinion", "second-look"]
KINDS: tuple[Kind, ...] = ("new", "second-opinion", "second-look")
"""Of two questions that tell as much, the one that stands here first is asked first."""
DIGITS = 9
"""Gains that are equal to so many digits are equal: they differ by the order of summation only."""


@dataclass(frozen=True)
class Question:
    """Something that people could be asked.

    Attributes:
        kind: `new` is a record that nobody answered, `second-opinion` one that somebody else is asked about,
            `second-look` one that is asked about with the doubt about its label.
        gain: What an answer is expected to tell about the record's label, in nats; see `gains`.
        answers: How many answers it asks for.
    """

    record_id: str
    kind: Kind
    gain: float
    answers: int = 1


def spend(questions: Sequence[Question], budget: int) -> list[Question]:
    """The questions that `budget` answers are spent on, the most telling first.

    One that asks for more answers than are left is passed over for the next. So exactly `budget` answers are asked for
    where there are enough questions that ask for one; the order of `questions` decides only between those of one kind
    that tell as much.

    Raises:
        PoolError: A record stands there twice, a gain is no finite number, or a question asks for no answer.
    """
    ids = [one.record_id for one in questions]
    if len(set(ids)) < len(ids):
        twice = next(name for place, name in enumerate(ids) if name in ids[:place])
        raise PoolError(f'record "{twice}" stands among the questions more than once.')
    for one in questions:
        if not (0 <= one.gain < float("inf")) or one.answers < 1:
            raise PoolError(f'the question about record "{one.record_id}" needs a gain of 0 or more and an answer.')
    chosen, left = [], budget
    for one in sorted(questions, key=lambda one: (-round(one.gain, DIGITS), KINDS.index(one.kind))):
        if one.answers <= left:
            chosen.append(one)
            left -= one.answers
    return chosen
