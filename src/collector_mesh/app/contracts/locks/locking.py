"""Decides what becomes of a lock file when its contracts are locked again."""

from collections.abc import Callable, Mapping

import attrs

from collector_mesh.app.contracts.locks.changes import changes
from collector_mesh.app.contracts.locks.lock import Lock, Shape

Comparing = Callable[[Shape, Shape], tuple[str, ...]]
"""What programs with the one shape cannot read or write of those with the other, one text each."""


@attrs.frozen
class Locking:
    """What locking comes to.

    Attributes:
        lock: what is to be written.
        changes: what differs from what was locked, one text each.
        differences: those of them that break programs which use the contract as it was locked.
    """

    lock: Lock
    changes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


def locking(old: Lock | None, now: Mapping[str, Shape], compared: Comparing) -> Locking:
    """Compare the contracts of a module with its lock file.

    Args:
        old: the lock file, None if there is none.
        now: the shape of each contract, with the numbers of the lock file, by `NAMESPACE/SERVICE`.
        compared: the rules of compatibility.
    """
    before: Mapping[str, Shape] = {} if old is None else old.contracts
    gone = tuple(f"{key}: the contract is gone" for key in sorted(before) if key not in now)
    changed, differences = list(gone), list(gone)
    for key in sorted(now):
        if key not in before:
            changed.append(f"{key}: the contract is new")
            continue
        changed += [f"{key}: {text}" for text in changes(before[key], now[key])]
        differences += [f"{key}: {text}" for text in compared(before[key], now[key])]
    return Locking(Lock(dict(now)), tuple(changed), tuple(differences))
