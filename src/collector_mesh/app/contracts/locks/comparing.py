"""The rules of compatibility, for the descriptors of contracts."""

from collector_mesh.adapters.wire.schemas import well_known
from collector_mesh.app.contracts.locks.lock import canonical
from collector_mesh.domain.registry.closure import linked
from collector_mesh.domain.registry.compatibility import differences
from collector_mesh.domain.registry.schema import File, Schema


def compared(old: File, new: File) -> tuple[str, ...]:
    """What breaks between programs with the one description and those with the other, one text each.

    Args:
        old: what is locked.
        new: what it is now.
    """
    return tuple(str(difference) for difference in differences(_schema(old), _schema(new)))


def _schema(file: File) -> Schema:
    return linked((canonical(file),), find=well_known)
