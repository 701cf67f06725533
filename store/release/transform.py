"""What is done to the rows of a release before they are written, such as taking personal data out of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class Transform:
    """A function from rows to rows, with the name and version that the release keeps of it.

    Attributes:
        name: What it does, in a few words.
        version: Changes whenever the same rows would become others.
        function: May change what stands in a row, its id included, and leave rows out; the columns stay, in their order
            and types, also those that it does not know.
    """

    name: str
    version: str
    function: Callable[[pa.Table], pa.Table] = field(repr=False)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """The rows as they are to be released.

        Raises:
            ValueError: The function changed the columns.
        """
        made = self.function(rows)
        if made.schema != rows.schema:
            raise ValueError(f'the transform "{self.name}" changed the columns of a release')
        return made
