import subprocess
import sys
from pathlib import Path

import pytest
from tests.limits import LIMIT_SECONDS

ROOT = Path(__file__).parents[3]


def test_the_domain_works_where_grpc_protobuf_and_asyncio_cannot_be_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.domain.exercise"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )

    assert done.returncode == 0, done.stderr
    modules = len(list((ROOT / "src/collector_mesh/domain").rglob("*.py"))) - 1
    assert done.stdout == f"{modules} modules\n"


def test_importing_the_package_loads_neither_grpc_nor_protobuf_nor_asyncio() -> None:
    script = (
        "import sys, collector_mesh, collector_mesh.ports, collector_mesh.transports, collector_mesh.testing;"
        "print([m for m in ('grpc', 'google.protobuf', 'asyncio', 'dependency_injector', 'rich') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS
    )

    assert done.stdout == "[]\n"


HEAVY = (
    "grpc",
    "google.protobuf",
    "dependency_injector",
    "rich",
    "time_machine",
    "cattrs",
    "collector_mesh.app.container",
    "collector_mesh.app.simulation",
    "collector_mesh.domain.model.frames",
    "collector_mesh.domain.model.events",
    "collector_mesh.domain.calls.dispatcher",
    "collector_mesh.domain.peers.keeping",
)


@pytest.mark.parametrize(
    "statement",
    [
        "from collector_mesh import Collector, MeshClient, Service, Settings",
        "from collector_mesh import SyncMeshClient",
        "import collector_mesh.app.testing.plugin",
        "import collector_mesh.app.cli.main",
    ],
)
def test_whoever_imports_a_class_does_not_load_all_of_the_mesh(statement: str) -> None:
    script = f"import sys; {statement}; print([m for m in {HEAVY!r} if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS
    )

    assert done.stdout == "[]\n"


def test_a_collector_loads_neither_tables_nor_the_clock_of_simulations_nor_frameworks_that_are_installed() -> (
    None
):
    script = (
        "import asyncio, sys\n"
        "from collector_mesh import Collector\n"
        "async def main():\n"
        "    async with Collector('a', listen='127.0.0.1:0'):\n"
        "        print([m for m in ('rich', 'time_machine', 'fastapi', 'starlette') if m in sys.modules])\n"
        "asyncio.run(main())"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS
    )

    assert done.stdout == "[]\n"
