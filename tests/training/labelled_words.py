"""Labelled texts that tell their class by one word."""

import numpy as np

from training.examples import Examples

CLASSES = ("fruit", "metal", "animal")
WORDS = {
    "fruit": ("apple", "pear", "plum", "cherry", "melon"),
    "metal": ("iron", "zinc", "gold", "copper", "tin"),
    "animal": ("cat", "dog", "horse", "mouse", "goat"),
}
FILLERS = ("a", "the", "some", "my", "this", "that")


def some_examples(n: int, seed: int = 0, classes: int = 3) -> Examples:
    """`n` labelled texts, each with one word of its class before others; every class in turn."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    texts = []
    for label in labels:
        # The word that tells comes first: that is the place which the tiny classifier reads.
        words = [rng.choice(WORDS[CLASSES[label]]), *rng.choice(FILLERS, int(rng.integers(0, 4)))]
        texts.append(" ".join(words))
    return Examples(ids=np.array([f"r{seed}-{row}" for row in range(n)]), texts=texts, labels=labels)
