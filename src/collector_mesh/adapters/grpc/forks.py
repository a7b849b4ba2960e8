"""Whether grpc works in this process: not in one that was forked from a process that has used it."""

import os

# Of the process, not of a mesh: grpc has its threads and its locks once in a process, and a fork has none of the
# threads and all of the locks (grpc#13873, grpc#17093).
_USERS: list[int] = []


def has_used() -> None:
    """Take down that grpc is used in this process."""
    if not _USERS:
        _USERS.append(os.getpid())


def check_not_forked() -> None:
    """See that grpc was not used before this process was forked.

    Raises:
        RuntimeError: it was, and would hang here.
    """
    if _USERS and _USERS[0] != os.getpid():
        raise RuntimeError(
            "gRPC was used in the process that this one was forked from, and does not work here: start"
            " processes with 'spawn' or 'forkserver', or fork before the first collector or client is entered"
        )
