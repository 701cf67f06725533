"""Cursors: how far something outside has been read, by name."""

from store.database import Store, utc_now


def cursor(store: Store, name: str) -> str | None:
    """How far `name` has been read; None where it never was."""
    rows = store.read("SELECT value FROM cursors WHERE name = $1", [name])
    return rows["value"][0].as_py() if rows.num_rows else None


def move_cursor(store: Store, name: str, value: str) -> None:
    """Remember how far `name` has been read; belongs into the transaction that keeps what was read."""
    with store.transaction() as db:
        db.execute(
            """
            INSERT INTO cursors VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, moved_at = excluded.moved_at
            """,
            [name, value, utc_now()],
        )


def drop_cursor(store: Store, name: str) -> None:
    """Forget how far `name` has been read."""
    with store.transaction() as db:
        db.execute("DELETE FROM cursors WHERE name = $1", [name])
