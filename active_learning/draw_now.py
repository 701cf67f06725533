"""Choosing records for people outside a round: so many of the pool, by a strategy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from active_learning.changed import draw_changed, without_changed
from active_learning.draw import Drawn
from active_learning.model_now import model_now
from active_learning.read_pool import as_pool
from active_learning.rounds import assignment_rows, keep_up, require_pool, shown_predictions
from active_learning.settings import LearningSettings
from active_learning.strategies import NEED_MEMBERS, STRATEGIES, strategy_or_stand_in
from store import pool
from store.curation.settings import CurationSettings
from store.database import Store
from store.label_schema import LabelSchema


def draw_now(
    store: Store,
    schema: LabelSchema,
    folder: Path,
    settings: LearningSettings,
    n: int,
    name: str,
    curation: CurationSettings,
    say: Callable[[str], None],
) -> pa.Table:
    """The assignments of `n` records that `name` chooses from the pool now, in the order in which people see them.

    Those whose text changed since people were asked come first (see `draw_changed`).

    Raises:
        PoolEmpty: There is no record left to ask about.
    """
    keep_up(store, curation)
    require_pool(store)
    model = model_now(store, schema, folder, settings, say)
    waiting = pool.pool(store)
    drawn = draw_changed(waiting, schema, settings, n)
    new = without_changed(waiting)
    if new.num_rows and len(drawn) < n:
        choices = as_pool(store, schema, settings, new, model, members_from=folder if name in NEED_MEMBERS else None)
        taken, _ = strategy_or_stand_in(name, choices)
        chosen = STRATEGIES[taken](choices, n - len(drawn), np.random.default_rng(settings.seed))
        drawn += [
            Drawn(record_id, "selected", chosen.reason, score, settings.annotators_per_record)
            for record_id, score in zip(chosen.ids.tolist(), chosen.scores.tolist(), strict=True)
        ]
    shown = shown_predictions(store, model, [one.record_id for one in drawn])
    return assignment_rows(schema, None, drawn, model, shown)
