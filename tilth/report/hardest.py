"""The records that the model finds hardest: those of which it gives the label that people gave the least."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store import issues, records
from store.database import Store
from tilth.report.judged import Judged
from tilth.report.shown_text import shown_text
from tilth.report.vectors import known_vectors

SHOWN = 20
TEXT_LENGTH = 320
SURE = 0.8
TORN = 0.15
FEW_LABELS = 5
NEIGHBOURS = 5


@dataclass(frozen=True)
class Hard:
    """A labelled record of which the model, which had not learnt from it, says another class or nearly does.

    Attributes:
        given: How likely the label that people gave is, by the model.
        said, sure: The class that the model says, and how likely that is by the model.
        why: What may be the reason, in a few words.
    """

    text: str
    label: str
    given: float
    said: str
    sure: float
    measured: str
    why: str


def hardest(
    store: Store, classes: Sequence[str], judged: Judged, *, keys: Sequence[str], limit: int = SHOWN
) -> list[Hard]:
    """The hardest first; nothing where no label was judged by a model that had not learnt from it.

    Records whose label the model says at least as often as not are not hard, and left out.
    """
    honest = {one: said for one, said in judged.honest.items() if one in judged.labels}
    doubted = [(float(said[judged.labels[one]]), one) for one, said in honest.items()]
    worst = [one for given, one in sorted(doubted) if given < 0.5][:limit]
    if not worst:
        return []
    rows = {row["record_id"]: row for row in records.records(store, worst).to_pylist()}
    open_doubts = {row["record_id"] for row in issues.open_issues(store, "label-error").to_pylist()}
    beside = _neighbours(store, worst, judged, keys)
    trained = Counter(label for one, label in judged.labels.items() if one not in judged.held_out)
    return [
        Hard(
            text=shown_text(rows[one]["text"], TEXT_LENGTH),
            label=classes[judged.labels[one]],
            given=float(honest[one][judged.labels[one]]),
            said=classes[int(honest[one].argmax())],
            sure=float(honest[one].max()),
            measured="held out" if one in judged.held_out else "out of fold",
            why=_why(classes, judged.labels[one], honest[one], trained, beside.get(one, ()), one in open_doubts),
        )
        for one in worst
        if one in rows
    ]


def _why(
    classes: Sequence[str],
    label: int,
    said: NDArray[np.float64],
    trained: Mapping[int, int],
    beside: Sequence[int],
    is_doubted: bool,
) -> str:
    first, second = np.argsort(-said, kind="stable")[:2].tolist() if len(said) > 1 else (0, 0)
    reasons = []
    if is_doubted:
        reasons.append("its label is under suspicion")
    if trained.get(label, 0) < FEW_LABELS:
        n = trained.get(label, 0)
        few = f"only {n}" if n else "no"
        reasons.append(f"{few} label{'' if n == 1 else 's'} of its class to learn from")
    alike = Counter(beside).most_common(1)
    if alike and alike[0][0] != label and alike[0][1] * 2 > len(beside):
        reasons.append(f"{alike[0][1]} of the {len(beside)} labelled records nearest to it are {classes[alike[0][0]]}")
    if float(said[first] - said[second]) < TORN:
        reasons.append(f"torn between {classes[first]} and {classes[second]}")
    elif first != label and said[first] >= SURE:
        reasons.append("the model is sure: a wrong label, or a case that it has not met")
    return "; ".join(reasons)


def _neighbours(store: Store, ids: Sequence[str], judged: Judged, keys: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The labels of the training records that lie nearest to each of `ids`, by cosine, itself left out."""
    trained = sorted(one for one in judged.labels if one not in judged.held_out)
    if not keys or not trained:
        return {}
    wanted = list(dict.fromkeys([*ids, *trained]))
    table = records.records(store, wanted)
    hashes = dict(zip(table["record_id"].to_pylist(), table["content_hash"].to_pylist(), strict=True))
    place, vectors = known_vectors(store, keys, sorted(set(hashes.values())))
    beside = [one for one in trained if hashes.get(one) in place]
    if not beside:
        return {}
    known = vectors[[place[hashes[one]] for one in beside]]
    nearest = {}
    for one in ids:
        if hashes.get(one) in place:
            order = np.argsort(-(known @ vectors[place[hashes[one]]]), kind="stable")
            others = [beside[row] for row in order[: NEIGHBOURS + 1].tolist() if beside[row] != one][:NEIGHBOURS]
            nearest[one] = tuple(judged.labels[other] for other in others)
    return nearest
