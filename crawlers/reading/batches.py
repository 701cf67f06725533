"""Records some thousands at a time, and with them why some rows gave none."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crawlers.page import FoundRecord

RECORDS_A_BATCH = 5_000


@dataclass(frozen=True)
class NoRecord:
    """A row, or a file, that gives no record.

    Attributes:
        why: A clause that is the same for all that have the same trouble, such as `no text`.
    """

    why: str


NO_TEXT = NoRecord("no text")


class Batch(list[FoundRecord]):
    """Records.

    Attributes:
        passed_by: How many of the rows among which these records stood gave none, by the reason. Each row is counted
            in one batch alone, which may be a batch without records.
    """

    def __init__(self) -> None:
        super().__init__()
        self.passed_by: Counter[str] = Counter()


def in_batches(found: Iterable[FoundRecord | NoRecord], size: int = RECORDS_A_BATCH) -> Iterator[Batch]:
    """The records, `size` at a time; where they end in an error of whatever kind, those before it are given first."""
    batch = Batch()
    try:
        for one in found:
            if isinstance(one, NoRecord):
                batch.passed_by[one.why] += 1
                continue
            batch.append(one)
            if len(batch) == size:
                yield batch
                batch = Batch()
    except Exception:
        if batch or batch.passed_by:
            yield batch
        raise
    if batch or batch.passed_by:
        yield batch
