"""Every transport of ours keeps the contract."""

import pytest

from collector_mesh import LoopbackNetwork
from collector_mesh.testing import LocalNetwork, Network, ProcessNetwork, TransportContract


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
    def network(self) -> Network:
        return ProcessNetwork()
