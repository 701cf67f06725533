"""A model's card: the README.md that a person and the Hugging Face Hub read."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.metrics import Metrics

# The names that the Hub knows for our figures.
HUB_NAMES = {"accuracy": "accuracy", "macro_f1": "f1", "roc_auc": "roc_auc"}

CHANGE_THE_ENCODER = ("lora", "fine-tune")
USE = """```python
import training

model = training.load("FOLDER")
predictions = model.predict(training.Inputs(ids=["1"], texts=["a text"]))
print(model.classes, predictions.probabilities)
```
"""
USE_FINE_TUNED = """\
`AutoModel.from_pretrained` gives the first member's encoder; in `members.safetensors` lie the heads, and what the
committee's other members changed. `pipeline("text-classification")` cannot use it: it would put a head of its own,
which has learnt nothing, on that encoder.
"""
USE_FROZEN = """\
The classifier stands on the vectors of a frozen encoder; its heads are in `heads.safetensors`. transformers alone,
with `AutoModel` or `pipeline`, cannot read it.
"""
USE_ENSEMBLE = """\
Several models speak as one: each lies in a folder of its own, `0` and so on, with a card that says how to read it,
and `tilth.json` has their weights. transformers alone, with `AutoModel` or `pipeline`, cannot read it.
"""


@dataclass(frozen=True)
class CardFacts:
    """What a card says beside the recipe; what is not known is left out.

    Args:
        name: The model's name.
        license: SPDX name, such as `CC-BY-4.0`.
        language: ISO 639-1 code of the texts.
        dataset: The name of the data it was fitted on.
        snapshot: The content hash of exactly these data.
        question: What people were asked.
        metrics: Measured on the holdout.
    """

    name: str = "tilth classifier"
    license: str = ""
    language: str = ""
    dataset: str = ""
    snapshot: str = ""
    question: str = ""
    metrics: Metrics | None = None


def write_card(folder: Path, classes: Sequence[str], recipe: dict[str, Any], facts: CardFacts | None = None) -> None:
    """Write `README.md`: YAML for the Hub, the figures with their intervals, how it was made, and how to use it."""
    facts = facts or CardFacts()
    parts = [f"---\n{_front_matter(recipe, facts)}\n---\n", f"# {facts.name}\n", _summary(classes, recipe, facts)]
    if facts.metrics is not None:
        parts.append(_figures(facts.metrics))
    parts += ["## Use\n", USE, _use(recipe["model"]), "## How it was made\n", _made(recipe, facts)]
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _use(model: str) -> str:
    if model in CHANGE_THE_ENCODER:
        return USE_FINE_TUNED
    return USE_ENSEMBLE if model == "ensemble" else USE_FROZEN


def _front_matter(recipe: dict[str, Any], facts: CardFacts) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    data = facts.dataset or "holdout"
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type=data,
            dataset_name=data,
            dataset_split="holdout",
            metric_type=kind,
            metric_name=name,
            metric_value=round(facts.metrics[name].value, 4),
        )
        for name, kind in HUB_NAMES.items()
        if facts.metrics is not None and not math.isnan(facts.metrics[name].value)
    ]
    encoder = str(recipe["encoder"])
    front = ModelCardData(
        license=facts.license.lower() or None,
        language=facts.language or None,
        # A folder of the one who fitted it means nothing on the Hub.
        base_model=None if Path(encoder).expanduser().is_dir() else encoder,
        pipeline_tag="text-classification",
        library_name="tilth",
        tags=["text-classification", "tilth"],
        metrics=sorted({result.metric_type for result in results}) or None,
        model_name=facts.name if results else None,
        eval_results=results or None,
    )
    return str(front.to_yaml())


def _shown(encoder: str) -> str:
    """A Hub name as it is; of a folder, which may tell whose machine it was, the last part."""
    return Path(encoder).name if Path(encoder).expanduser().is_dir() else encoder


def _summary(classes: Sequence[str], recipe: dict[str, Any], facts: CardFacts) -> str:
    asked = f" It answers: *{facts.question}*" if facts.question else ""
    listed = "\n".join(f"- {name}" for name in classes)
    return f"Tells {len(classes)} classes of text apart, from {recipe['labels']} labels.{asked}\n\n{listed}\n"


def _figures(metrics: Metrics) -> str:
    rows = [
        f"| {name.replace('_', ' ')} | {estimate.value:.3f} | {estimate.low:.3f} to {estimate.high:.3f} |"
        for name, estimate in metrics.scalars.items()
    ]
    said = f"On {metrics.records} records that it was not fitted on; intervals of 95% by bootstrap.\n"
    return "\n".join(["## Measured\n", said, "| figure | value | interval |", "| --- | --- | --- |", *rows, ""])


def _made(recipe: dict[str, Any], facts: CardFacts) -> str:
    made = {"data_snapshot": facts.snapshot or None, **recipe, "encoder": _shown(str(recipe["encoder"]))}
    return f"```json\n{json.dumps(made, indent=2, ensure_ascii=False)}\n```\n"
