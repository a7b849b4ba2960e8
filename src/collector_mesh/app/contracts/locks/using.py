"""What a contract takes from its lock file when it is used."""

import attrs

from collector_mesh.app.contracts.errors import LockFileError
from collector_mesh.app.contracts.locks.changes import changes
from collector_mesh.app.contracts.locks.lock import Shape, key_of, numbers_of
from collector_mesh.app.contracts.locks.places import data_at, importable_name, path_of
from collector_mesh.app.contracts.locks.reading import lock_of
from collector_mesh.app.contracts.numbers import Numbers

_MOST_TOLD = 5


@attrs.frozen
class Locked:
    """What the lock file of a module has of one contract.

    Attributes:
        key: `NAMESPACE/SERVICE`.
        module: the module that defines the contract.
        path: of the lock file; empty where the module is in no file.
        shape: the contract as it was locked; None where the module has no lock file.
    """

    key: str
    module: str
    path: str = ""
    shape: Shape | None = None

    @property
    def numbers(self) -> Numbers:
        """The numbers of the members; those of a contract without a lock file follow the order of definition."""
        return Numbers.none() if self.shape is None else numbers_of(self.shape.file)

    def check(self, now: Shape) -> None:
        """See that the lock file has the contract as it is now.

        Args:
            now: the contract, made with `numbers`.

        Raises:
            LockFileError: it does not; the text says what differs, and what to run.
        """
        found = () if self.shape is None else changes(self.shape, now)
        if found:
            more = f"; and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
            told = "; ".join(found[:_MOST_TOLD])
            raise LockFileError(
                f"{self.path} does not have {self.key} as it is now: {told}{more}. Run: {lock_command(self.module)}"
            )


def locked_contract(module: str, namespace: str, service: str, lock: str = "") -> Locked:
    """What the lock file of a module has of a contract. The file is read each time.

    Args:
        module: the name of the module that defines the contract.
        namespace: of the contract.
        service: the full name of its service.
        lock: the path of the lock file from the folder of the module, where the contract names one.

    Raises:
        LockFileError: the lock file cannot be read, is broken, or does not have the contract; or the contract names one
            that is not there.
    """
    key = key_of(namespace, service)
    path = path_of(module, lock)
    data = data_at(path, module) if path else None
    if data is None:
        if lock:
            raise LockFileError(f"{key}: there is no lock file {path}. Run: {lock_command(module)}")
        return Locked(key, module, path)
    shape = lock_of(data, path).contracts.get(key)
    if shape is None:
        raise LockFileError(f"{path} does not have {key}. Run: {lock_command(module)}")
    return Locked(key, module, path, shape)


def lock_command(module: str) -> str:
    """The command that brings the lock file of a module up to date."""
    return f"collector-mesh contract lock {importable_name(module)}"
