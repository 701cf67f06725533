"""What a project decides about its rounds and its model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LearningSettings:
    """How rounds are made up and which model is fitted.

    Attributes:
        size: How many records a round gives to training, its control arm among them.
        strategy: A strategy's name, or `auto`.
        holdout: How many records there shall be to measure with, those of an imported test split among them; at most a
            quarter of the pool is drawn a round.
        control_share: The share of each round that is drawn at random and trained on.
        annotators_per_record: How many people answer for each record.
        repeat_share: The share of a round's records that one more person answers.
        ask_again: Whether answers go to labelled records where they tell more than new ones would.
        budget: How many answers a round asks for besides its holdout; `size` records' worth unless given.
        price_per_answer: What one answer of a person costs; None where nobody said.
        value_per_point: What a point of accuracy, of 100, is worth, in the same currency; None likewise.
        seed: The seed of every draw and fit.
        model: The rung of the ladder, or `auto`.
        encoder: The encoder's folder or name on the Hub.
        warm_start: Where a rung that changes the encoder begins: `cold`, `head`, `weights` or `shrink-perturb`.
        track: Who is told of its losses: `none`, `tensorboard` or `mlflow`.
        name, license, language: What the model's card says of the data.
    """

    size: int = 100
    strategy: str = "auto"
    holdout: int = 200
    control_share: float = 0.1
    annotators_per_record: int = 1
    repeat_share: float = 0.0
    ask_again: bool = True
    budget: int | None = None
    price_per_answer: float | None = None
    value_per_point: float | None = None
    seed: int = 0
    model: str = "auto"
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    warm_start: str = "cold"
    track: str = "none"
    name: str = "tilth classifier"
    license: str = ""
    language: str = ""
