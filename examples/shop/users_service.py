"""The users collector: who may order."""

import csv
import sqlite3
from pathlib import Path

from collector_mesh import MeshError, Service
from database import Database
from shop_pb2 import GetUserRequest, User


def prepare(connection: sqlite3.Connection) -> None:
    """Make the table and fill it from the file beside this one."""
    connection.execute("CREATE TABLE IF NOT EXISTS users (user_id TEXT PRIMARY KEY, name TEXT, email TEXT)")
    with (Path(__file__).parent / "users.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["user_id"], row["name"], row["email"]) for row in csv.DictReader(file)]
    connection.executemany("INSERT OR IGNORE INTO users VALUES (?, ?, ?)", rows)


database = Database("users.db", prepare)
users = Service("users", "UserService")


# SQLite blocks, so this is a plain function: it runs in a thread and never holds up the event loop.
@users.method("GetUser", idempotent=True)
def get_user(request: GetUserRequest) -> User:
    """Look a user up."""
    with database.transaction() as connection:
        row = connection.execute("SELECT * FROM users WHERE user_id = ?", [request.user_id]).fetchone()
    if row is None:
        # A MeshError answers with a code of its own; any other exception is a 500.
        raise MeshError(f"there is no user {request.user_id!r}", code=404)
    return User(user_id=row[0], name=row[1], email=row[2])
