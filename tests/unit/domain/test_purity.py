import subprocess
import sys
from pathlib import Path

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
