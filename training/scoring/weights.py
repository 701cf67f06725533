"""An encoder's weights, read from its folder."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.encoder_folder import EncoderFolder
from training.errors import EncoderError
from training.scoring.tokens import first_line

# What weights and configurations that are wrong end in.
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
    ImportError,
    EOFError,
    AttributeError,
    TypeError,
    pickle.UnpicklingError,
)


def read_encoder(folder: EncoderFolder) -> Any:
    """The encoder without a head, weights in float32.

    Raises:
        EncoderError: The weights cannot be read, do not fill the encoder, or are of a model that is none of texts.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel

    from training.quiet import quiet_transformers

    try:
        with quiet_transformers():
            model, told = AutoModel.from_pretrained(
                folder.path, dtype=torch.float32, output_loading_info=True, trust_remote_code=False
            )
    except (*UNREADABLE, SafetensorError) as error:
        broken = _broken_pickle(folder.path)
        if broken is not None:
            raise EncoderError(
                f'[training] encoder "{folder.name}": {broken} is no file of weights, or a part of one; '
                "fetch the encoder again."
            ) from error
        raise EncoderError(f'[training] encoder "{folder.name}" cannot be read: {first_line(error)}') from error
    require_weights(folder, told["missing_keys"])
    wide = getattr(model.config, "hidden_size", None)  # a model of texts and images has one for each
    if model.config.is_encoder_decoder or model.main_input_name != "input_ids" or wide is None:
        raise EncoderError(
            f'[training] encoder "{folder.name}" is a {type(model).__name__}, which makes no vector of a text alone; '
            "take an encoder of texts, such as a BERT."
        )
    return model


def _broken_pickle(folder: Path) -> Path | None:
    """The first pickled file of weights that torch cannot read, where the encoder has no other weights.

    A pointer of Git LFS, an error page or a download that broke off says of itself "101", or advises to run what is in
    the file: neither helps a person.
    """
    import torch

    if any(folder.glob("*.safetensors")):
        return None
    for file in sorted(folder.glob("pytorch_model*.bin")):
        try:
            torch.load(file, map_location="meta", weights_only=True)
        except UNREADABLE:
            return file
    return None


def require_weights(folder: EncoderFolder, missing: Sequence[str]) -> None:
    """Raise `EncoderError` when weights of the encoder itself are missing; a pooler or a head may be."""
    new = ("pooler", "classifier", "score", "head")
    body = sorted(name for name in missing if not any(part in name for part in new))
    if body:
        raise EncoderError(
            f'[training] encoder "{folder.name}" lacks {len(body)} of its weights, {body[0]} first; '
            "the folder holds another model than its config.json says."
        )
