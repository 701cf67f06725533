"""A fine-tuned classifier: what it says of texts, and its ordinary Hugging Face folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.calibration import Floats, log_softmax, spread
from training.device import best_device
from training.encoder import TOKENS_PER_BATCH, batches_by_length, pad, pool, tokenize
from training.errors import ModelFolderError
from training.examples import Inputs, Predictions, Strings, require_finite

if TYPE_CHECKING:
    from training.model_card import CardFacts


@dataclass(frozen=True)
class Outputs:
    """Of inputs (ids (N,)) the logits (N, K) float64 and the pooled last hidden states (N, D) float32, of length 1."""

    ids: Strings
    logits: Floats
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """A transformers sequence classifier with its tokenizer, and how texts are cut and token vectors pooled."""

    model: Any
    tokenizer: Any
    max_length: int
    pooling: str

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, cut at `max_length`."""
        return tokenize(self.tokenizer, texts, self.max_length)

    def forward(self, inputs: Inputs) -> Outputs:
        """Run the network without dropout; results stand in the order of the inputs, whatever the batches were.

        Raises:
            NotFinite: A logit is NaN or infinite.
        """
        import torch

        device = best_device()
        self.model.eval()
        tokens = self.tokens(inputs.texts)
        logits = np.zeros((len(inputs), self.model.config.num_labels))
        vectors = np.zeros((len(inputs), self.model.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for rows in batches_by_length([len(ids) for ids in tokens], TOKENS_PER_BATCH):
                batch = pad(self.tokenizer, [tokens[row] for row in rows], device)
                with device.autocast():
                    out = self.model(**batch, output_hidden_states=True)
                states = out.hidden_states[-1].float()
                logits[rows] = out.logits.double().cpu().numpy()
                vectors[rows] = pool(states, batch["attention_mask"], self.pooling).cpu().numpy()
        require_finite(inputs.ids, logits, "a logit")
        return Outputs(inputs.ids, logits, vectors)


def seen_probabilities(logits: Floats, seen: NDArray[np.int64], temperature: float, mass: float) -> Floats:
    """(N, K) from logits (N, K): softmax over the classes that had labels, the missing mass shared by the others."""
    if not len(logits):
        return np.zeros(logits.shape)
    return spread(np.exp(log_softmax(logits[:, seen] / temperature)), seen, logits.shape[1], mass)


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model; `recipe` holds what made it."""

    classes: tuple[str, ...]
    network: Network
    recipe: dict[str, Any]

    @property
    def temperature(self) -> float:
        """What logits are divided by; it is applied in `predict`."""
        return float(self.recipe["temperature"])

    def predict(self, inputs: Inputs) -> Predictions:
        """Calibrated probabilities and the pooled hidden states, in the order of the inputs.

        Raises:
            NotFinite: The model gives NaN or infinity.
        """
        out = self.network.forward(inputs)
        without = self.recipe["without_labels"]
        seen = np.array([index for index, name in enumerate(self.classes) if name not in without], dtype=np.int64)
        mass = float(self.recipe["missing_mass"])
        return Predictions(inputs.ids, seen_probabilities(out.logits, seen, self.temperature, mass), out.vectors)

    def save(self, folder: Path, card: "CardFacts | None" = None) -> None:
        """Write an ordinary Hugging Face folder with a model card, and `tilth.json` for `training.load`."""
        from training.model_card import write_card
        from training.model_folder import replacing, write_recipe
        from training.quiet import quiet_transformers

        with replacing(folder) as partial, quiet_transformers():
            self.network.model.save_pretrained(partial)
            self.network.tokenizer.save_pretrained(partial)
            write_recipe(partial, self.classes, self.recipe)
            write_card(partial, self.classes, self.recipe, card)


def load_fine_tuned(folder: Path, classes: tuple[str, ...], recipe: dict[str, Any]) -> FineTuned:
    """The model that was saved in `folder`.

    Raises:
        ModelFolderError: The weights are missing or broken.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from training.quiet import quiet_transformers

    try:
        with quiet_transformers():
            model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFolderError(f"{folder}: the model's weights cannot be read; fit it again.") from error
    model = model.to(best_device().torch).eval()
    return FineTuned(classes, Network(model, tokenizer, int(recipe["max_length"]), str(recipe["pooling"])), recipe)
