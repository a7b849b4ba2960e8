"""Who may order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector_mesh import CallContext, NotFoundError, Service
from storage import Database


@asynccontextmanager
async def life() -> AsyncIterator[Database]:
    """Opened before the first call, closed after the last one."""
    database = Database("users", "users (name TEXT PRIMARY KEY, email TEXT NOT NULL)")
    with database.transaction() as opened:
        opened.execute(
            "INSERT OR IGNORE INTO users VALUES ('ada', 'ada@example.org'), ('bob', 'bob@example.org')"
        )
    try:
        yield database
    finally:
        database.close()


users = Service("users", "Users", lifespan=life)


@users.method("Find", idempotent=True)
def find(name: str, context: CallContext) -> dict[str, str]:
    """A plain function runs in a thread, so it may wait for the database."""
    with context.state.transaction() as database:
        row = database.execute("SELECT name, email FROM users WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotFoundError(f"no user {name!r}")
    return {"name": row[0], "email": row[1]}
