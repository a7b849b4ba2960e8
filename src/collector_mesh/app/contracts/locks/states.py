"""Contracts beside their lock files: what is locked, what they are now, and what that comes to."""

from collections.abc import Callable, Sequence

import attrs

from collector_mesh.app.contracts.errors import ContractError, LockFileError
from collector_mesh.app.contracts.locks.lock import MAX_LOCK_BYTES, Shape, numbers_of
from collector_mesh.app.contracts.locks.locking import Comparing, Locking, locking
from collector_mesh.app.contracts.locks.places import data_at
from collector_mesh.app.contracts.locks.reading import lock_of
from collector_mesh.app.contracts.locks.text import text_of
from collector_mesh.app.contracts.numbers import Numbers


@attrs.frozen
class Lockable:
    """A contract that can be locked.

    Attributes:
        title: the name of the class.
        module: the module that defines it.
        key: `NAMESPACE/SERVICE`.
        path: of its lock file, empty where the module is in no file.
        describe: makes its shape with given numbers; may raise ContractError.
    """

    title: str
    module: str
    key: str
    path: str
    describe: Callable[[Numbers], Shape]


@attrs.frozen
class State:
    """A lock file, and what becomes of it.

    Attributes:
        path: of the lock file.
        module: the first of the modules whose contracts are in it.
        data: what is in it, None if there is none.
        locking: what locking comes to.
        is_mended: whether what is in it could be read only with other commas.
    """

    path: str
    module: str
    data: bytes | None
    locking: Locking
    is_mended: bool = False

    @property
    def is_missing(self) -> bool:
        """Whether there is no lock file."""
        return self.data is None

    @property
    def outdated(self) -> tuple[str, ...]:
        """What the lock file does not have as it is to be, one text each."""
        return (*self.locking.changes, *(["it has too many commas, or too few"] if self.is_mended else []))

    @property
    def is_current(self) -> bool:
        """Whether the lock file has all contracts as they are now."""
        return not (self.is_missing or self.outdated or self.locking.differences)

    @property
    def new_data(self) -> bytes:
        """What is to be in the lock file.

        Raises:
            LockFileError: it would be too large to be read.
        """
        data = text_of(self.locking.lock).encode()
        if len(data) > MAX_LOCK_BYTES:
            raise LockFileError(
                f"{self.path} would have {len(data)} bytes, and at most {MAX_LOCK_BYTES} are read: give some of the"
                ' contracts another one, by lock="FILE"'
            )
        return data


def states_of(contracts: Sequence[Lockable], compared: Comparing, *, are_all: bool = True) -> list[State]:
    """The lock files of some contracts, in the order of these.

    Args:
        contracts: the contracts.
        compared: the rules of compatibility.
        are_all: whether a lock file may have no others; those that are not given are gone then.

    Raises:
        ContractError: a lock file cannot be read or is broken, a contract cannot be described, or two have one name.
    """
    by_path: dict[str, list[Lockable]] = {}
    for contract in contracts:
        if not contract.path:
            raise ContractError(
                f"{contract.title}: the module {contract.module} is in no file, so it has no lock file"
            )
        by_path.setdefault(contract.path, []).append(contract)
    return [_state(path, group, compared, are_all=are_all) for path, group in by_path.items()]


def _state(path: str, contracts: Sequence[Lockable], compared: Comparing, *, are_all: bool) -> State:
    module = contracts[0].module
    data = data_at(path, module)
    old = None if data is None else lock_of(data, path, mends=True)
    now: dict[str, Shape] = {}
    titles: dict[str, str] = {}
    for contract in contracts:
        if contract.key in now:
            raise ContractError(
                f"{contract.title} and {titles[contract.key]} are both {contract.key}: a service has one contract"
            )
        locked = None if old is None else old.contracts.get(contract.key)
        titles[contract.key] = contract.title
        numbers = Numbers.none() if locked is None else numbers_of(locked.file)
        now[contract.key] = contract.describe(numbers)
    if old is not None and not are_all:
        known = {key: shape for key, shape in old.contracts.items() if key in now}
        old = attrs.evolve(old, contracts=known)
    is_mended = old is not None and old.is_mended
    return State(path, module, data, locking(old, now, compared), is_mended)
