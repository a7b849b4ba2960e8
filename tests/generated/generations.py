"""The code of one service, as each generation of compilers writes it: what users bring along.

`from mesh_test import common_pb2, users_pb2, users_pb2_grpc` gives the oldest generation, in tests and in programs that
have its folder (OLDEST.folder) on their PYTHONPATH. Tests that want every generation take the fixture `generation`.
`scripts/generate_protos.py --tests` makes the code.
"""

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.runtime_version import VersionError

PACKAGE = "mesh_test"


@dataclass(frozen=True)
class Generation:
    """The modules that one version of grpcio-tools has generated.

    Attributes:
        version: The version of grpcio-tools.
        common: `mesh_test.common_pb2`; like the others, as modules that a type checker knows nothing of.
        users: `mesh_test.users_pb2`.
        users_grpc: `mesh_test.users_pb2_grpc`: stubs and servicers.
    """

    version: str
    common: Any
    users: Any
    users_grpc: Any

    @property
    def folder(self) -> Path:
        """The folder that a program has on its path."""
        return folder_of(self.version)


def folder_of(version: str) -> Path:
    """The folder of a generation."""
    return Path(__file__).parent / f"v{version.replace('.', '_')}"


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


VERSIONS = sorted(
    (folder.name.removeprefix("v").replace("_", ".") for folder in Path(__file__).parent.glob("v*")),
    key=_as_numbers,
)
"""The generations there are, from the oldest to the newest."""

OLDEST = VERSIONS[0]


@cache
def load(version: str) -> Generation:
    """The modules of a generation; those that have it already get the same ones.

    Skips the test where the grpcio or the protobuf that is installed refuses code that is newer than itself.
    """
    if version == OLDEST:
        return _imported(version)
    with _path_of(version), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a protobuf of the next major version says so once
        try:
            return _imported(version)
        except (RuntimeError, VersionError) as error:
            pytest.skip(str(error))


def _imported(version: str) -> Generation:
    return Generation(
        version,
        *(
            importlib.import_module(f"{PACKAGE}.{name}")
            for name in ("common_pb2", "users_pb2", "users_pb2_grpc")
        ),
    )


@contextmanager
def _path_of(version: str) -> Iterator[None]:
    """Where imports of PACKAGE find a generation, and afterwards the one that they found before.

    Generated code imports its neighbors by their full names, which are the same in each generation.
    """
    before = _taken_out()
    sys.path.insert(0, str(folder_of(version)))
    try:
        yield
    finally:
        sys.path.remove(str(folder_of(version)))
        _taken_out()
        sys.modules.update(before)


def _taken_out() -> dict[str, Any]:
    """The modules of PACKAGE, which are imported no more."""
    names = [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}
