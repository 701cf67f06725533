"""The encoder in ONNX Runtime: on some processors its kernels beat PyTorch's.

The graph is exported once for an encoder revision and kept in the user's cache folder.
"""

import importlib.util
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from training.device import Device
from training.encoder_folder import EncoderFolder
from training.errors import OnnxUnusable
from training.scoring.batches import Rows, batches_by_length
from training.scoring.passes import CPU_TOKENS, Vectors
from training.scoring.tokens import first_word, pad, start_tokens
from training.scoring.views import View, middle_layer, view_vectors
from training.scoring.weights import read_encoder

NEEDED = ("onnxruntime", "onnx", "onnxscript")


def onnx_missing() -> list[str]:
    """The packages of the extra `onnx` that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


class OnnxPass:
    """The padded pass, computed by ONNX Runtime.

    Args:
        graph: What `exported` wrote.
        tokenizer: The encoder's.
        folder: The encoder's folder.
        threads: Threads of each call; several calls may run at once.

    Raises:
        OnnxUnusable: The graph cannot be read here.
    """

    name = "padded"

    def __init__(self, graph: Path, tokenizer: Any, folder: EncoderFolder, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors share no class with one another
            raise OnnxUnusable(f"ONNX Runtime cannot read the graph ({type(error).__name__})") from error
        self.tokenizer, self.folder = tokenizer, folder
        self.device = Device("cpu", bf16=False)
        self.special = start_tokens(tokenizer)
        self.tokens = CPU_TOKENS

    def batches(self, lengths: Sequence[int], shares: int) -> Iterator[Rows]:  # noqa: ARG002
        """Rows of like length."""
        return batches_by_length(lengths, self.tokens)

    def vectors(self, tokens: list[list[int]], views: Sequence[View]) -> dict[View, Vectors]:
        """Vectors (B, D) float32 of length 1 of each view."""
        import torch

        batch = pad(self.tokenizer, tokens, self.device)
        fed = {name: tensor.numpy() for name, tensor in batch.items()}
        asked = ["last", "middle"] if "middle" in views else ["last"]
        try:
            given = self.session.run(asked, fed)
        except Exception as error:  # its errors share no class with one another
            if "alloc" in str(error):
                raise MemoryError("ONNX Runtime has no room for a batch") from error
            raise
        states = [torch.from_numpy(np.ascontiguousarray(found)) for found in given]
        words = [first_word(ids, self.special) for ids in tokens]
        last, middle = states[0], states[-1]
        mask, pooling = batch["attention_mask"], self.folder.pooling
        return {view: view_vectors(view, last, middle, mask, words, pooling).numpy() for view in views}


def exported(folder: EncoderFolder, kept: Path) -> Path:
    """The encoder's graph, in `kept` under its revision; written there when it is not.

    Raises:
        OnnxUnusable: A package is missing, or the exporter cannot do this encoder.
    """
    import torch

    graph = kept / f"{folder.revision[:16]}-torch{torch.__version__.split('+')[0]}.onnx"
    if graph.is_file():
        return graph
    missing = onnx_missing()
    if missing:
        raise OnnxUnusable(f"{', '.join(missing)} not installed (pip install -e '.[onnx]' in tilth's folder)")
    kept.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=kept))
    try:
        with _quietly():
            _export(read_encoder(folder).eval(), partial / "encoder.onnx")
        (partial / "encoder.onnx").replace(graph)
    except Exception as error:  # whatever an exporter says, PyTorch does the work
        raise OnnxUnusable(f"the encoder cannot be exported to ONNX ({type(error).__name__})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return graph


def _export(model: Any, to: Path) -> None:
    import torch

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            out = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
            return out.last_hidden_state, out.hidden_states[middle_layer(len(out.hidden_states) - 1)]

    ids = torch.arange(2 * 7).reshape(2, 7) % int(model.config.vocab_size)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    texts, width = torch.export.Dim("texts"), torch.export.Dim("width")
    shape = {0: texts, 1: width}
    with torch.no_grad():
        torch.onnx.export(
            States().eval(),
            (ids, mask),
            str(to),
            input_names=["input_ids", "attention_mask"],
            output_names=["last", "middle"],
            dynamic_shapes={"input_ids": shape, "attention_mask": shape},
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """The exporter warns of much that is nobody's business here."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), open(os.devnull, "w") as nowhere:  # noqa: PTH123
            warnings.simplefilter("ignore")
            from contextlib import redirect_stdout

            with redirect_stdout(nowhere):
                yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
