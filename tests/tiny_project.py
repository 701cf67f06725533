"""A project that is learnt in a second: short letters in three classes, and an encoder of two small layers."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLASSES = ("billing", "delivery", "praise")
WORDS = {
    "billing": ("invoice", "refund", "charge", "price", "payment", "receipt", "amount", "card", "bank", "debt"),
    "delivery": ("parcel", "courier", "late", "shipping", "package", "arrived", "tracking", "door", "lost", "driver"),
    "praise": ("wonderful", "thanks", "great", "love", "excellent", "happy", "superb", "friendly", "glad", "best"),
}
FILLERS = (
    *("the", "my", "your", "this", "that", "was", "is", "about", "after", "before", "yesterday", "today", "monday"),
    *(
        "week",
        "again",
        "still",
        "please",
        "with",
        "from",
        "order",
        "shop",
        "number",
        "never",
        "always",
        "very",
        "quite",
    ),
    *("just", "once", "two", "three", "morning", "evening", "house", "street", "team", "service"),
)
VOCABULARY = tuple(sorted({*FILLERS, *(word for some in WORDS.values() for word in some)}))


@dataclass(frozen=True)
class Letter:
    """A text and its class."""

    text: str
    label: str


def letters(n: int, seed: int = 0) -> list[Letter]:
    """`n` different letters, the classes in turn; three words of each tell its class, one of another misleads."""
    rng = np.random.default_rng(seed)
    made: dict[str, str] = {}
    while len(made) < n:
        label = CLASSES[len(made) % len(CLASSES)]
        other = WORDS[CLASSES[int(rng.integers(len(CLASSES)))]]
        words = [*rng.choice(WORDS[label], 3, replace=False), *rng.choice(FILLERS, 6, replace=False), rng.choice(other)]
        made.setdefault(" ".join(rng.permutation(words)), label)
    return [Letter(text, label) for text, label in made.items()]


def write_csv(path: Path, rows: Sequence[Letter], *, labelled: int | None = None, test: int = 0) -> Path:
    """A CSV with `text`, `label` and `split`; the first `labelled` rows have labels, the first `test` are test."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label", "split"])
        for place, row in enumerate(rows):
            known = labelled is None or place < labelled
            table.writerow([row.text, row.label if known else "", "test" if place < test else ""])
    return path


def write_encoder(folder: Path, words: Sequence[str] = VOCABULARY) -> Path:
    """A BERT of two layers, 32 wide, with random weights; the vector of a text tells which `words` are in it.

    Its tokenizer gives an empty text no token at all.
    """
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    known = ["[PAD]", "[UNK]", *words]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64
    ).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(known),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
        )
        model = BertModel(config)
        # Words that lie far apart and layers that change little.
        torch.nn.init.normal_(model.embeddings.word_embeddings.weight)
        model.save_pretrained(folder)
    return folder


def write_project(folder: Path, encoder: Path | str, *, model: str = "probe", **tables: str) -> Path:
    """A folder with a `tilth.toml`; `tables` are further lines, by the table they stand in."""
    declared = {
        "project": 'name = "letters"\nlicense = "CC-BY-4.0"',
        "schema": f"classes = {list(CLASSES)}\nquestion = 'What is it about?'",
        "training": f"model = '{model}'\nencoder = '{encoder}'",
    }
    for table, lines in tables.items():
        declared[table] = f"{declared.get(table, '')}\n{lines}".strip()
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(f"[{table}]\n{lines}" for table, lines in declared.items())
    (folder / "tilth.toml").write_text(text + "\n", encoding="utf-8")
    return folder
