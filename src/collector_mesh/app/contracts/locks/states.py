"""Contracts beside their lock files: what is locked, what they are now, and what that comes to."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import attrs

from collector_mesh.app.contracts.errors import ContractError, LockFileError
from collector_mesh.app.contracts.locks.lock import MAX_LOCK_BYTES, Shape, numbers_of
from collector_mesh.app.contracts.locks.locking import Comparing, Locking, locking
from collector_mesh.app.contracts.locks.places import data_at
from collector_mesh.app.contracts.locks.reading import lock_of
from collector_mesh.app.contracts.locks.text import text_of
from collector_mesh.app.contracts.numbers import Numbers

_NO_CLASSES: Mapping[str, type] = MappingProxyType({})


@attrs.frozen
class Lockable:
    """A contract that can be locked.

    Attributes:
        title: the name of the class.
        module: the module that defines it.
        key: `NAMESPACE/SERVICE`.
        path: of its lock file, empty where the module is in no file.
        describe: makes its shape with given numbers; may raise ContractError.
        classes: gives the classes that are made into messages and enums, by their full names; likewise.
    """

    title: str
    module: str
    key: str
    path: str
    describe: Callable[[Numbers], Shape]
    classes: Callable[[], Mapping[str, type]] = lambda: _NO_CLASSES


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


class _Shared:
    """Numbers of classes that several contracts of a namespace use: in one package they are one message, with one set of numbers.

    Args:
        locked: what is locked, by the names of the contracts.
        contracts: the contracts.
    """

    def __init__(self, locked: Mapping[str, Shape], contracts: Sequence[Lockable]) -> None:
        self._locked = locked
        self._classes = {contract.key: contract.classes() for contract in contracts}

    def numbers(self, contract: Lockable, now: Mapping[str, Shape]) -> Numbers:
        """The numbers of a contract: its own, and for a class that is new to it those that another contract has."""
        own = self._locked.get(contract.key)
        known = Numbers.none() if own is None else numbers_of(own.file)
        messages, enums = dict(known.messages), dict(known.enums)
        for shapes in (self._locked, now):
            for key, shape in shapes.items():
                same = self._same(contract.key, key)
                other = numbers_of(shape.file)
                messages = {name: one for name, one in other.messages.items() if name in same} | messages
                enums = {name: one for name, one in other.enums.items() if name in same} | enums
        return Numbers(messages, enums)

    def _same(self, key: str, other: str) -> frozenset[str]:
        """The names that are the same class in two contracts of one namespace."""
        if key.partition("/")[0] != other.partition("/")[0] or key == other:
            return frozenset()
        classes, others = self._classes[key], self._classes.get(other, _NO_CLASSES)
        return frozenset(name for name, kind in classes.items() if others.get(name) is kind)


def _state(path: str, contracts: Sequence[Lockable], compared: Comparing, *, are_all: bool) -> State:
    module = contracts[0].module
    data = data_at(path, module)
    old = None if data is None else lock_of(data, path, mends=True)
    shared = _Shared({} if old is None else old.contracts, contracts)
    now: dict[str, Shape] = {}
    titles: dict[str, str] = {}
    for contract in contracts:
        if contract.key in now:
            raise ContractError(
                f"{contract.title} and {titles[contract.key]} are both {contract.key}: a service has one contract"
            )
        titles[contract.key] = contract.title
        now[contract.key] = contract.describe(shared.numbers(contract, now))
    if old is not None and not are_all:
        known = {key: shape for key, shape in old.contracts.items() if key in now}
        old = attrs.evolve(old, contracts=known)
    is_mended = old is not None and old.is_mended
    return State(path, module, data, locking(old, now, compared), is_mended)
