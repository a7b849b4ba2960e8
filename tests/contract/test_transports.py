"""Every transport of ours keeps the contract."""

from collections.abc import Iterator

import pytest

from collector_mesh import LoopbackNetwork
from collector_mesh.testing import LocalNetwork, Network, NodeProcesses, ProcessNetwork, TransportContract


@pytest.fixture(scope="session")
def processes() -> Iterator[NodeProcesses]:
    """Processes that are used by one test after the other."""
    processes = NodeProcesses()
    yield processes
    processes.close()


class TestLoopback(TransportContract):
    @pytest.fixture
    def network(self) -> Network:
        return LocalNetwork(LoopbackNetwork())


class TestGrpcInOneProcess(TransportContract):
    @pytest.fixture
    def network(self) -> Network:
        return LocalNetwork()


class TestGrpcBetweenProcesses(TransportContract):
    @pytest.fixture
    def network(self, processes: NodeProcesses) -> Network:
        return ProcessNetwork(processes)
