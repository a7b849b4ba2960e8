"""`collector-mesh contract lock` and `contract check`."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from collector_mesh.app.cli.contracts.modules import lockables, used
from collector_mesh.app.cli.contracts.written import write_whole
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.contracts.locks.comparing import compared
from collector_mesh.app.contracts.locks.states import State, states_of
from collector_mesh.app.contracts.locks.using import lock_command
from collector_mesh.domain.model.texts import escaped


def run_lock(arguments: argparse.Namespace) -> int:
    """Run `lock`: nothing is written if one of the contracts breaks those who use it."""
    states = _states(arguments.modules)
    refused = [] if arguments.force else [state for state in states if state.locking.differences]
    for state in refused:
        print(
            f"{_shown(state.path)} was not written: this breaks programs that use the contract as it is locked:"
        )
        _list(state.locking.differences)
    if refused:
        raise CommandError(
            "nothing was written: undo what breaks others, or give --force to lock the contracts as they are",
            EXIT_FAILED,
        )
    data = used(lambda: [state.new_data for state in states])
    for state, new in zip(states, data, strict=True):
        _write(state, new)
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """Run `check`."""
    states = _states(arguments.modules)
    for state in states:
        _tell(state)
    return 0 if all(state.is_current for state in states) else EXIT_FAILED


def _states(modules: Sequence[str]) -> list[State]:
    contracts = [contract for name in dict.fromkeys(modules) for contract in lockables(name)]
    return used(lambda: states_of(contracts, compared))


def _write(state: State, data: bytes) -> None:
    if data == state.data:
        print(f"{_shown(state.path)} is up to date")
        return
    write_whole(state.path, data)
    print(f"{_shown(state.path)} is written{':' if state.locking.changes else ''}")
    _list(state.locking.changes)


def _tell(state: State) -> None:
    path = _shown(state.path)
    command = f"run {lock_command(state.module)}"
    if state.is_missing:
        print(f"{path} is not there: {command}")
    elif state.locking.differences:
        print(f"{path} is out of date, and this breaks programs that use the contract as it is locked:")
        _list(state.locking.differences)
    elif state.outdated:
        print(f"{path} is out of date: {command}")
        _list(state.outdated)
    else:
        print(f"{path} is up to date")


def _list(texts: Sequence[str]) -> None:
    for text in texts:
        print(f"  {escaped(text)}")


def _shown(path: str) -> str:
    """A path as people know it: from where they are, if it is below."""
    try:
        here = os.fspath(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        here = path
    return escaped(here)
