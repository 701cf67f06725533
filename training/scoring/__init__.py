"""The scoring engine: from texts to vectors, as fast as the machine allows and the same on all of them.

    for batch in score_batches(batches, model): ...

`Encoder` and the rungs run on it; these functions stream whole pools through it as Arrow.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.scoring.stream import embed_batch, embed_batches, score_batch, score_batches

__all__ = ["embed_batch", "embed_batches", "score_batch", "score_batches"]


def __getattr__(name: str) -> Any:
    # An encoder needs the modules beside this one, but no Arrow.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from training.scoring import stream

    return getattr(stream, name)
