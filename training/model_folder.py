"""A model's folder on disk: written whole or not at all, and read back."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import ModelFolderError

if TYPE_CHECKING:
    from training.encoder import Encoder
    from training.examples import Predictions
    from training.ladder import FittedModel
    from training.vector_cache import VectorCache

RECIPE_FILE = "tilth.json"
JUDGED_FILE = "out_of_fold.arrow"


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new empty folder beside `folder` that takes its place when the block ends well.

    A reader sees the old folder or the new one. What a killed writer left beside it is taken away by the next.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left_over in folder.parent.glob(f".{folder.name}.*.partial"):
        shutil.rmtree(left_over)
    partial = folder.parent / f".{folder.name}.new.partial"
    partial.mkdir()
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _flush(partial)
    if folder.exists():
        # A folder that is not empty cannot be renamed over: the old one steps aside first.
        old = folder.parent / f".{folder.name}.old.partial"
        folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old)
    else:
        partial.rename(folder)


def _flush(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())


def write_config(folder: Path, classes: Sequence[str]) -> None:
    """Write `config.json` for a model that is no transformers model."""
    names = {"id2label": dict(enumerate(classes)), "label2id": {name: place for place, name in enumerate(classes)}}
    _write(folder / "config.json", {"model_type": "tilth-heads", **names})


def write_recipe(folder: Path, classes: Sequence[str], recipe: dict[str, Any]) -> None:
    """Write `tilth.json`: the classes, and what made the model."""
    _write(folder / RECIPE_FILE, {"classes": list(classes), "recipe": recipe})


def write_judged(folder: Path, judged: "Predictions | None") -> None:
    """Write `out_of_fold.arrow`: what models that were not fitted on them said of the examples, with ids."""
    if judged is None:
        return
    import pyarrow as pa
    from pyarrow import feather

    flat = pa.array(judged.probabilities.ravel(), pa.float64())
    rows = pa.FixedSizeListArray.from_arrays(flat, judged.probabilities.shape[1])
    table = pa.table({"id": pa.array(judged.ids.tolist(), pa.string()), "probabilities": rows})
    feather.write_feather(table, folder / JUDGED_FILE)


def read_judged(folder: Path) -> "Predictions | None":
    """What `write_judged` wrote; None where there is none."""
    from pyarrow import feather

    from training.examples import Predictions, strings

    path = folder / JUDGED_FILE
    if not path.exists():
        return None
    table = feather.read_table(path, memory_map=False)
    flat = table["probabilities"].combine_chunks().flatten().to_numpy()
    return Predictions(strings(table["id"].to_pylist()), flat.reshape(table.num_rows, -1))


def load(folder: Path | str, *, encoder: "Encoder | None" = None, cache: "VectorCache | None" = None) -> "FittedModel":
    """The model that was saved in `folder`; it predicts as it did before.

    Args:
        folder: What `save` wrote.
        encoder: Of a model on a frozen encoder, the encoder where one is at hand already.
        cache: Of such a model, where vectors are looked up and kept.

    Raises:
        ModelFolderError: The folder holds no such model.
        EncoderError: The model's encoder is not to be had.
    """
    folder = Path(folder)
    try:
        told = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
        classes, recipe = tuple(told["classes"]), dict(told["recipe"])
        kind = recipe["model"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(f"{folder} holds no model of tilth ({RECIPE_FILE} is missing or broken).") from error
    if kind == "ensemble":
        from training.ensemble import load_ensemble

        return load_ensemble(folder, recipe, encoder, cache)
    if "heads" in recipe:
        from training.frozen.rung import load_frozen

        return load_frozen(folder, classes, recipe, encoder, cache)
    if kind in ("lora", "fine-tune"):
        from training.fine_tuned import load_fine_tuned

        return load_fine_tuned(folder, classes, recipe)
    raise ModelFolderError(f"{folder} holds a model of a kind that is not known here: {kind!r}.")


def _write(path: Path, facts: dict[str, object]) -> None:
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
