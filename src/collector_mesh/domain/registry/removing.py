"""What removing a service or a file comes to."""

from collector_mesh.domain.model.errors import ConflictError, NotFoundError, quoted
from collector_mesh.domain.ports.registry_store import EntryKey, Kept, StoredChange, Write
from collector_mesh.domain.registry.catalogue import Catalogue

_NAMED = 5
"""Files and services that an error names."""


def removal(catalogue: Catalogue, name: str, by: str, now: float, kept: Kept) -> tuple[EntryKey, Write]:
    """The key of what is removed, and what is to be written.

    Raises:
        AmbiguousError: several services have this short name.
        NotFoundError: there is neither a service nor a file of this name.
        ConflictError: others need the file.
    """
    service = "" if name in catalogue.files else catalogue.find_service(name)
    if not service and name not in catalogue.files:
        raise NotFoundError(f"service or file {catalogue.namespace}/{quoted(name)} not found")
    key = catalogue.service_key(service) if service else catalogue.file_key(name)
    users = [] if service else catalogue.users(name)
    if users:
        told = ", ".join(key.name for key in users[:_NAMED]) + (
            f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
        )
        raise ConflictError(f"the file {quoted(name)} is needed by {told}: remove them first")
    removed = (key, *catalogue.left_over((key,)))
    changes = tuple(
        StoredChange(one, "deregistered", now, by, () if one == key else (f"went with {key.name}",))
        for one in removed
    )
    write = Write(catalogue.namespace, catalogue.revision, (), removed, changes, kept)
    return key, write
