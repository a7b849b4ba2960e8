"""The pytest plugin: fixtures for meshes, in real time and on virtual time, and tests under many seeds.

It imports the mesh only where a test uses it: every run of pytest loads this module.
"""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from collector_mesh.adapters.loopback.network import LoopbackNetwork
    from collector_mesh.app.clients.client import MeshClient
    from collector_mesh.app.collector import Collector
    from collector_mesh.app.simulation.simulation import Simulation

_OPTION = "--mesh-seed"
_SEED = "mesh_seed"


class Mesh:
    """Collectors on a loopback network, in real time: `async with mesh:`; leaving it ends all of them."""

    def __init__(self) -> None:
        self._network: LoopbackNetwork | None = None
        self._opened = AsyncExitStack()

    @property
    def network(self) -> "LoopbackNetwork":
        """The network that its collectors are on."""
        if self._network is None:
            from collector_mesh.adapters.loopback.network import LoopbackNetwork

            self._network = LoopbackNetwork()
        return self._network

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every collector and client, the last one first."""
        await self._opened.__aexit__(kind, error, traceback)

    async def collector(self, collector_id: str, **options: Any) -> "Collector":
        """Start a collector; the options are those of `Collector`. Those that it names as `peers` are connected."""
        from collector_mesh.app.collector import Collector

        peers = options.pop("peers", ())
        collector = await self._opened.enter_async_context(
            Collector(collector_id, transport=self.network, **options)
        )
        for peer in peers:
            await collector.connect(peer)
        return collector

    async def client(self, address: str, **options: Any) -> "MeshClient":
        """A client of one of the collectors; the options are those of `MeshClient`."""
        from collector_mesh.app.clients.client import MeshClient

        return await self._opened.enter_async_context(MeshClient(address, transport=self.network, **options))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that replays a seed."""
    group = parser.getgroup("collector-mesh")
    group.addoption(_OPTION, type=int, metavar="N", help="run simulated tests under this seed alone")


def pytest_configure(config: pytest.Config) -> None:
    """Tell of the marker."""
    config.addinivalue_line(
        "markers", "seeds(count): run a test that uses `simulation` under this number of seeds"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each seed."""
    marker = metafunc.definition.get_closest_marker("seeds")
    if "simulation" not in metafunc.fixturenames:
        if marker is not None:
            raise pytest.UsageError(f"{metafunc.definition.nodeid} has seeds, but does not use `simulation`")
        return
    only = metafunc.config.getoption(_OPTION)
    seeds = [only] if only is not None else range(1 if marker is None else _count(marker))
    metafunc.parametrize(_SEED, seeds, ids=[f"seed={seed}" for seed in seeds])


def _count(marker: pytest.Mark) -> int:
    given = [*marker.args, *marker.kwargs.values()]
    count = given[0] if len(given) == 1 and set(marker.kwargs) <= {"count"} else None
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise pytest.UsageError("seeds must be given how many, at least 1: @pytest.mark.seeds(50)")
    return count


@pytest.fixture
def mesh_seed(pytestconfig: pytest.Config) -> int:
    """The seed of a test that asks for its simulation while it runs: 0, or the one that is replayed."""
    only: int | None = pytestconfig.getoption(_OPTION)
    return 0 if only is None else only


@pytest.fixture
def simulation(mesh_seed: int) -> "Simulation":
    """A simulation under the seed of this run of the test."""
    from collector_mesh.app.simulation.simulation import Simulation

    return Simulation(mesh_seed)


@pytest.fixture
def mesh() -> Mesh:
    """Collectors on a loopback network, in real time."""
    return Mesh()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Name the seed of a failure, and how to replay it."""
    outcome: Any = yield
    report = outcome.get_result()
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    seed = parameters.get(_SEED)
    if report.when != "teardown" and report.failed and seed is not None and call.excinfo is not None:
        # A seed alone is in the option; what else a test was given is in its name.
        test = item.nodeid.partition("::")[2]
        if len(parameters) == 1:
            test = test.partition("[")[0]
        name = f"{_seen_from(item.config.invocation_params.dir, item.path)}::{test}"
        # Always in quotes, also where `shlex.quote` sees no need.
        quoted = "'" + name.replace("'", "'\"'\"'") + "'"
        report.sections.append(("replay", f"pytest {quoted} {_OPTION} {seed}"))


def _seen_from(folder: Path, file: Path) -> str:
    """A path as pytest takes it where it was started; `nodeid` has the one that starts at the root of the project."""
    return (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()
