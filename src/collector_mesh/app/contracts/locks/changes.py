"""What has changed between two descriptors of a contract, for people: one short line each, with no verdict."""

import attrs

from collector_mesh.app.contracts.locks.lock import canonical
from collector_mesh.domain.registry.edits import edits_of_file
from collector_mesh.domain.registry.schema import File


def changes(old: File, new: File) -> tuple[str, ...]:
    """What differs; nothing if both are the same to a lock file."""
    before, after = canonical(old), canonical(new)
    if before == after:
        return ()
    if before.name != after.name:
        return (
            f"the file {before.name} is now {after.name}",
            *changes(attrs.evolve(before, name=after.name), after),
        )
    return edits_of_file(before, after)
