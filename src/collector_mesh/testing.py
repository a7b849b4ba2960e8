"""What helps to test with the mesh: contexts for handlers, the contract that every transport keeps, networks.

Contracts and networks need pytest and pytest-asyncio.
"""

from typing import TYPE_CHECKING

from collector_mesh._door import door

if TYPE_CHECKING:
    from collector_mesh.app.testing.contexts import (
        FakeCalls,
        MadeCall,
        call_context,
        incoming_call,
        outgoing_call,
    )
    from collector_mesh.app.testing.contract.connection import ConnectionContract
    from collector_mesh.app.testing.contract.dispatch import DispatchContract
    from collector_mesh.app.testing.contract.key_store import KeyStoreContract
    from collector_mesh.app.testing.contract.link import LinkContract
    from collector_mesh.app.testing.contract.registry_store import RegistryStoreContract
    from collector_mesh.app.testing.contract.serve import ServeContract
    from collector_mesh.app.testing.contract.transport import TransportContract
    from collector_mesh.app.testing.contract.validation import ValidationContract
    from collector_mesh.app.testing.contracts import check_contract
    from collector_mesh.app.testing.networks import (
        LocalNetwork,
        LocalNode,
        Network,
        Node,
        NodeOptions,
    )
    from collector_mesh.app.testing.plugin import Mesh
    from collector_mesh.app.testing.process_network import NodeProcesses, ProcessNetwork, ProcessNode
    from collector_mesh.app.testing.proxy import FaultyProxy
    from collector_mesh.app.testing.services import contract_service
    from collector_mesh.app.testing.spans import Spans

_HOMES = {
    "ConnectionContract": "collector_mesh.app.testing.contract.connection",
    "DispatchContract": "collector_mesh.app.testing.contract.dispatch",
    "FakeCalls": "collector_mesh.app.testing.contexts",
    "FaultyProxy": "collector_mesh.app.testing.proxy",
    "KeyStoreContract": "collector_mesh.app.testing.contract.key_store",
    "LinkContract": "collector_mesh.app.testing.contract.link",
    "LocalNetwork": "collector_mesh.app.testing.networks",
    "LocalNode": "collector_mesh.app.testing.networks",
    "MadeCall": "collector_mesh.app.testing.contexts",
    "Mesh": "collector_mesh.app.testing.plugin",
    "Network": "collector_mesh.app.testing.networks",
    "Node": "collector_mesh.app.testing.networks",
    "NodeOptions": "collector_mesh.app.testing.networks",
    "NodeProcesses": "collector_mesh.app.testing.process_network",
    "ProcessNetwork": "collector_mesh.app.testing.process_network",
    "ProcessNode": "collector_mesh.app.testing.process_network",
    "RegistryStoreContract": "collector_mesh.app.testing.contract.registry_store",
    "ServeContract": "collector_mesh.app.testing.contract.serve",
    "Spans": "collector_mesh.app.testing.spans",
    "TransportContract": "collector_mesh.app.testing.contract.transport",
    "ValidationContract": "collector_mesh.app.testing.contract.validation",
    "call_context": "collector_mesh.app.testing.contexts",
    "incoming_call": "collector_mesh.app.testing.contexts",
    "outgoing_call": "collector_mesh.app.testing.contexts",
    "check_contract": "collector_mesh.app.testing.contracts",
    "contract_service": "collector_mesh.app.testing.services",
}

__all__ = [
    "ConnectionContract",
    "DispatchContract",
    "FakeCalls",
    "FaultyProxy",
    "KeyStoreContract",
    "LinkContract",
    "LocalNetwork",
    "LocalNode",
    "MadeCall",
    "Mesh",
    "Network",
    "Node",
    "NodeOptions",
    "NodeProcesses",
    "ProcessNetwork",
    "ProcessNode",
    "RegistryStoreContract",
    "ServeContract",
    "Spans",
    "TransportContract",
    "ValidationContract",
    "call_context",
    "check_contract",
    "contract_service",
    "incoming_call",
    "outgoing_call",
]

__getattr__, __dir__ = door(__name__, _HOMES)
