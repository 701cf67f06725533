"""An encoder's weights, read from its folder."""

import pickle
from collections.abc import Sequence
from typing import Any

from training.encoder_folder import EncoderFolder
from training.errors import EncoderError
from training.scoring.tokens import first_line

# What a broken pytorch_model.bin ends in: a pointer of Git LFS, an error page, a download that broke off. What they
# say of themselves helps nobody ("101"), or advises to run what is in the file.
NO_WEIGHTS = (pickle.UnpicklingError, EOFError, LookupError, AttributeError, TypeError)


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
    except NO_WEIGHTS as error:
        raise EncoderError(
            f'[training] encoder "{folder.name}": the file of weights in {folder.path} is something else '
            "or broke off; fetch the encoder again."
        ) from error
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        raise EncoderError(f'[training] encoder "{folder.name}" cannot be read: {first_line(error)}') from error
    require_weights(folder, told["missing_keys"])
    wide = getattr(model.config, "hidden_size", None)  # a model of texts and images has one for each
    if model.config.is_encoder_decoder or model.main_input_name != "input_ids" or wide is None:
        raise EncoderError(
            f'[training] encoder "{folder.name}" is a {type(model).__name__}, which makes no vector of a text alone; '
            "take an encoder of texts, such as a BERT."
        )
    return model


def require_weights(folder: EncoderFolder, missing: Sequence[str]) -> None:
    """Raise `EncoderError` when weights of the encoder itself are missing; a pooler or a head may be."""
    new = ("pooler", "classifier", "score", "head")
    body = sorted(name for name in missing if not any(part in name for part in new))
    if body:
        raise EncoderError(
            f'[training] encoder "{folder.name}" lacks {len(body)} of its weights, {body[0]} first; '
            "the folder holds another model than its config.json says."
        )
