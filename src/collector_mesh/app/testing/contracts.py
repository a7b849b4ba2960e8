"""Contracts in tests: that one is as its lock file has it."""

from types import ModuleType

from collector_mesh.app.contracts.errors import ContractError, LockFileError
from collector_mesh.app.contracts.locks.comparing import compared
from collector_mesh.app.contracts.locks.contracts import contracts_of, lockable
from collector_mesh.app.contracts.locks.states import State, states_of
from collector_mesh.app.contracts.locks.using import lock_command


def check_contract(*contracts: object) -> None:
    """See that contracts are as their lock files have them, as `collector-mesh contract check` does.

    Args:
        contracts: classes of contracts, or modules for all contracts that they define. Modules that share a lock file are
            given together: what is locked and not among them has gone.

    Raises:
        AssertionError: the lock file is missing, broken or out of date; the text has all differences, first those that break
            programs which use the contract as it is locked, and the command to run.
        ContractError: it is no contract, the module defines none, or the contract cannot be used.
    """
    __tracebackhide__ = True
    are_modules = all(isinstance(one, ModuleType) for one in contracts)
    kinds = dict.fromkeys(kind for one in contracts for kind in _kinds(one))
    try:
        states = states_of([lockable(kind) for kind in kinds], compared, are_all=are_modules)
    except LockFileError as error:
        raise AssertionError(str(error)) from error
    problems = [_problem(state) for state in states if not state.is_current]
    if problems:
        raise AssertionError("\n".join(problems))


def _kinds(contract: object) -> list[object]:
    if not isinstance(contract, ModuleType):
        return [contract]
    found = contracts_of(contract)
    if not found:
        raise ContractError(f"{contract!r} defines no contracts")
    return [*found]


def _problem(state: State) -> str:
    command = f"run: {lock_command(state.module)}"
    if state.is_missing:
        return f"there is no lock file {state.path}; {command}"
    breaking = state.locking.differences
    if not breaking:
        return _listed(f"{state.path} is out of date; {command}", state.outdated)
    head = f"{state.path}: these changes break programs that use the contract as it is locked"
    return _listed(head, breaking)


def _listed(head: str, texts: tuple[str, ...]) -> str:
    return "\n".join((f"{head}:", *(f"  {text}" for text in texts)))
