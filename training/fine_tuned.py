"""A committee of fine-tuned encoders: what it says of texts, and its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.calibration import Floats, log_softmax, spread
from training.encoder_folder import EncoderFolder
from training.errors import ModelFolderError
from training.examples import Inputs, Predictions, require_finite
from training.layered_encoder import LayeredEncoder
from training.member_fit import logits_of
from training.scoring.views import View

if TYPE_CHECKING:
    import torch

    from training.model_card import CardFacts

MEMBERS_FILE = "members.safetensors"
# So many texts are read at a time: their states below the upper layers are kept until every member has seen them.
TEXTS_PER_CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Member:
    """One fitted encoder: the weights that its fit changed, its head, and which classes it had labels of.

    `head_weight` is (K, D), `head_bias` (K,), `seen` (S,) int64 with the missing mass of its labels.
    """

    weights: "dict[str, torch.Tensor]"
    head_weight: "torch.Tensor"
    head_bias: "torch.Tensor"
    seen: NDArray[np.int64]
    missing_mass: float

    def head(self) -> "torch.nn.Linear":
        """The head, where the weights are."""
        import torch

        head = torch.nn.Linear(self.head_weight.shape[1], self.head_weight.shape[0], device=self.head_weight.device)
        with torch.no_grad():
            head.weight.copy_(self.head_weight)
            head.bias.copy_(self.head_bias)
        return head

    def log_probabilities(self, logits: Floats, temperature: float) -> Floats:
        """(N, K) log probabilities of the classes that it had labels of; -inf for the others."""
        told = np.full(logits.shape, -np.inf)
        if len(logits):
            told[:, self.seen] = log_softmax(logits[:, self.seen] / temperature)
        return told

    def probabilities(self, logits: Floats, temperature: float) -> Floats:
        """(N, K) probabilities, the missing mass shared by the classes that it had no labels of."""
        return spread(
            np.exp(self.log_probabilities(logits, temperature)[:, self.seen]),
            self.seen,
            logits.shape[1],
            self.missing_mass,
        )


def averaged(told: Sequence[Floats], mass: float) -> Floats:
    """(N, K) from each member's log probabilities (N, K): their mean over the members that know a class, normalised.

    Classes that no member knows share `mass`.
    """
    stacked = np.stack(told)
    rows, classes = stacked.shape[1:]
    knows = np.isfinite(stacked)
    seen = np.flatnonzero(knows.any(axis=(0, 1)))
    if not rows:
        return np.zeros((0, classes))
    mean = np.where(knows, stacked, 0.0).sum(axis=0)[:, seen] / knows.sum(axis=0)[:, seen]
    return spread(np.exp(log_softmax(mean)), seen, classes, mass)


@dataclass(frozen=True, eq=False)
class FineTuned:
    """A fine-tuned committee; `recipe` holds what made it."""

    classes: tuple[str, ...]
    encoder: LayeredEncoder
    view: View
    members: tuple[Member, ...]
    recipe: dict[str, Any]
    judged: Predictions | None = None

    @property
    def temperature(self) -> float:
        """What logits are divided by; it is applied in `predict`."""
        return float(self.recipe["temperature"])

    def predict(self, inputs: Inputs) -> Predictions:
        """Calibrated probabilities, those of each member, and unit vectors, in the order of the inputs.

        The vectors are the members' mean: they began at the same weights and lie close together.

        Raises:
            NotFinite: The model gives NaN or infinity.
        """
        n, k = len(inputs), len(self.classes)
        members = np.zeros((len(self.members), n, k), dtype=np.float32)
        probabilities = np.zeros((n, k))
        vectors = np.zeros((n, self.encoder.dimension), dtype=np.float32)
        for start in range(0, n, TEXTS_PER_CHUNK):
            rows = slice(start, start + TEXTS_PER_CHUNK)
            readings = self.encoder.read(inputs.texts[rows])
            told = []
            for number, member in enumerate(self.members):
                self.encoder.set_weights(member.weights)
                logits, seen = logits_of(self.encoder, member.head(), self.view, readings)
                require_finite(inputs.ids[rows], logits, "a logit")
                told.append(member.log_probabilities(logits, self.temperature))
                members[number, rows] = member.probabilities(logits, self.temperature)
                vectors[rows] += seen
            probabilities[rows] = averaged(told, float(self.recipe["missing_mass"]))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return Predictions(inputs.ids, probabilities, vectors, members if len(self.members) > 1 else None)

    def save(self, folder: Path, card: "CardFacts | None" = None) -> None:
        """Write a Hugging Face folder of the first member's encoder, without a head; `members.safetensors` with the
        heads and what the other members changed, and what `training.load` needs besides."""
        from safetensors.torch import save_file

        from training.model_card import write_card
        from training.model_folder import replacing, write_judged, write_recipe
        from training.quiet import quiet_transformers

        with replacing(folder) as partial, quiet_transformers():
            self.encoder.set_weights(self.members[0].weights)
            # Names of classes would let a head that has learnt nothing pass for ours, where transformers adds one.
            self.encoder.model.config.id2label, self.encoder.model.config.label2id = {0: "LABEL_0"}, {"LABEL_0": 0}
            self.encoder.model.save_pretrained(partial)
            self.encoder.tokenizer.save_pretrained(partial)
            save_file(self._tensors(), partial / MEMBERS_FILE)
            write_recipe(partial, self.classes, self.recipe)
            write_judged(partial, self.judged)
            write_card(partial, self.classes, self.recipe, card)

    def _tensors(self) -> "dict[str, torch.Tensor]":
        """All tensors of the members but the weights of the first, which are the encoder's."""
        import torch

        tensors: dict[str, torch.Tensor] = {}
        for number, member in enumerate(self.members):
            tensors[f"{number}/head/weight"] = member.head_weight
            tensors[f"{number}/head/bias"] = member.head_bias
            tensors[f"{number}/seen"] = torch.as_tensor(member.seen)
            tensors[f"{number}/missing_mass"] = torch.tensor(member.missing_mass, dtype=torch.float64)
            if number:
                tensors |= {f"{number}/weights/{name}": weight for name, weight in member.weights.items()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def load_fine_tuned(folder: Path, classes: tuple[str, ...], recipe: dict[str, Any]) -> FineTuned:
    """The model that was saved in `folder`.

    Raises:
        ModelFolderError: The weights are missing or broken.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from training.errors import EncoderError
    from training.model_folder import read_judged

    place = EncoderFolder(
        asked=str(recipe["encoder"]),
        name=folder.name,
        path=folder,
        revision=str(recipe["encoder_revision"]),
        pooling=str(recipe["pooling"]),
        max_length=int(recipe["max_length"]),
    )
    try:
        encoder = LayeredEncoder(place, float(recipe["frozen"]))
        tensors = load_file(folder / MEMBERS_FILE)
        members = tuple(_member(tensors, number, encoder) for number in range(int(recipe["members"])))
    except (EncoderError, OSError, KeyError, SafetensorError) as error:
        raise ModelFolderError(f"{folder}: the model's weights cannot be read; fit it again.") from error
    return FineTuned(classes, encoder, recipe["view"], members, recipe, read_judged(folder))


def _member(tensors: "dict[str, torch.Tensor]", number: int, encoder: LayeredEncoder) -> Member:
    begin = f"{number}/weights/"
    weights = {name.removeprefix(begin): tensor for name, tensor in tensors.items() if name.startswith(begin)}
    return Member(
        weights=weights if number else encoder.weights(),
        head_weight=tensors[f"{number}/head/weight"],
        head_bias=tensors[f"{number}/head/bias"],
        seen=tensors[f"{number}/seen"].numpy(),
        missing_mass=float(tensors[f"{number}/missing_mass"]),
    )
