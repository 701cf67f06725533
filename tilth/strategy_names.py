"""The names in `active_learning.strategies`, which takes too long to import on the way to every verb."""

from typing import Literal, get_args

Strategy = Literal[
    "auto",
    "random",
    "least-confidence",
    "margin",
    "entropy",
    "bald",
    "badge",
    "k-center",
    "typiclust",
    "probcover",
    "cal",
    "cluster-margin",
    "density-weighted-margin",
    "weighted-kmeans",
]
IN_A_LIST = ", ".join(get_args(Strategy))
