"""collector-mesh: processes that serve each other's methods, without sidecar, broker or control plane.

Names resolve on first use: importing this package loads neither grpc nor protobuf.
"""

from typing import TYPE_CHECKING

from collector_mesh._door import door

if TYPE_CHECKING:
    from collector_mesh.adapters.grpc.registry_validator import RegistryValidator
    from collector_mesh.adapters.grpc.tls import Tls, TlsError
    from collector_mesh.adapters.loopback.network import LoopbackNetwork
    from collector_mesh.adapters.telemetry.configuring import configure_logs
    from collector_mesh.adapters.telemetry.otel import OtelTracer
    from collector_mesh.adapters.wire.registry_requests import RegisteredName
    from collector_mesh.app.access.access import Access
    from collector_mesh.app.allow_list import AllowList, AllowListError
    from collector_mesh.app.clients.client import MeshClient
    from collector_mesh.app.clients.sync_client import SyncMeshClient
    from collector_mesh.app.collector import Collector
    from collector_mesh.app.contracts.contract import BlockingClient, Contract
    from collector_mesh.app.contracts.errors import ContractError
    from collector_mesh.app.contracts.generated import contract_of
    from collector_mesh.app.contracts.implementing import implements
    from collector_mesh.app.registry.client import RegistryClient
    from collector_mesh.app.registry.registry import Registry
    from collector_mesh.app.registry.validator import LocalRegistryValidator
    from collector_mesh.app.services.lifespan import LifespanError
    from collector_mesh.app.services.marks import method
    from collector_mesh.app.services.service import Service
    from collector_mesh.app.settings import Settings, SettingsError
    from collector_mesh.domain.model.caller import CallOptions
    from collector_mesh.domain.model.context import CallContext, current_call
    from collector_mesh.domain.model.errors import (
        ConflictError,
        DeadlineExceededError,
        DuplicateMethodError,
        Executed,
        ForbiddenError,
        HandlerError,
        InvalidCallError,
        ListenError,
        MeshError,
        NotFoundError,
        OutcomeUnknownError,
        OverloadedError,
        PayloadTooLargeError,
        UnauthenticatedError,
        UnavailableError,
        UnimplementedError,
    )
    from collector_mesh.domain.model.identity import Identity
    from collector_mesh.domain.model.middleware import (
        DispatchNext,
        IncomingCall,
        Middleware,
        OutgoingCall,
        ServeNext,
    )
    from collector_mesh.domain.model.names import MethodKey
    from collector_mesh.domain.model.payload import Payload
    from collector_mesh.domain.model.reloaded import Reloaded
    from collector_mesh.domain.model.snapshot import (
        CandidateInfo,
        ConnectionInfo,
        Explanation,
        MethodInfo,
        Snapshot,
        StandingInfo,
    )
    from collector_mesh.domain.model.status import Reply, Status
    from collector_mesh.domain.ports.registry_store import RegistryError
    from collector_mesh.domain.registry.limits import RegistryLimits
    from collector_mesh.domain.registry.results import (
        HistoryPage,
        IncompatibleError,
        RegisteredFile,
        RegisteredService,
        Registration,
        ServicePage,
        Validity,
    )

_HOMES = {
    "Access": "collector_mesh.app.access.access",
    "AllowList": "collector_mesh.app.allow_list",
    "AllowListError": "collector_mesh.app.allow_list",
    "BlockingClient": "collector_mesh.app.contracts.contract",
    "CallContext": "collector_mesh.domain.model.context",
    "CallOptions": "collector_mesh.domain.model.caller",
    "CandidateInfo": "collector_mesh.domain.model.snapshot",
    "Collector": "collector_mesh.app.collector",
    "ConflictError": "collector_mesh.domain.model.errors",
    "ConnectionInfo": "collector_mesh.domain.model.snapshot",
    "Contract": "collector_mesh.app.contracts.contract",
    "ContractError": "collector_mesh.app.contracts.errors",
    "DeadlineExceededError": "collector_mesh.domain.model.errors",
    "DispatchNext": "collector_mesh.domain.model.middleware",
    "DuplicateMethodError": "collector_mesh.domain.model.errors",
    "Executed": "collector_mesh.domain.model.errors",
    "Explanation": "collector_mesh.domain.model.snapshot",
    "ForbiddenError": "collector_mesh.domain.model.errors",
    "HandlerError": "collector_mesh.domain.model.errors",
    "HistoryPage": "collector_mesh.domain.registry.results",
    "Identity": "collector_mesh.domain.model.identity",
    "IncomingCall": "collector_mesh.domain.model.middleware",
    "IncompatibleError": "collector_mesh.domain.registry.results",
    "InvalidCallError": "collector_mesh.domain.model.errors",
    "LifespanError": "collector_mesh.app.services.lifespan",
    "ListenError": "collector_mesh.domain.model.errors",
    "LocalRegistryValidator": "collector_mesh.app.registry.validator",
    "LoopbackNetwork": "collector_mesh.adapters.loopback.network",
    "MeshClient": "collector_mesh.app.clients.client",
    "MeshError": "collector_mesh.domain.model.errors",
    "MethodInfo": "collector_mesh.domain.model.snapshot",
    "MethodKey": "collector_mesh.domain.model.names",
    "Middleware": "collector_mesh.domain.model.middleware",
    "NotFoundError": "collector_mesh.domain.model.errors",
    "OtelTracer": "collector_mesh.adapters.telemetry.otel",
    "OutcomeUnknownError": "collector_mesh.domain.model.errors",
    "OutgoingCall": "collector_mesh.domain.model.middleware",
    "OverloadedError": "collector_mesh.domain.model.errors",
    "Payload": "collector_mesh.domain.model.payload",
    "PayloadTooLargeError": "collector_mesh.domain.model.errors",
    "RegisteredFile": "collector_mesh.domain.registry.results",
    "RegisteredService": "collector_mesh.domain.registry.results",
    "RegisteredName": "collector_mesh.adapters.wire.registry_requests",
    "Registration": "collector_mesh.domain.registry.results",
    "Registry": "collector_mesh.app.registry.registry",
    "RegistryClient": "collector_mesh.app.registry.client",
    "RegistryError": "collector_mesh.domain.ports.registry_store",
    "RegistryLimits": "collector_mesh.domain.registry.limits",
    "RegistryValidator": "collector_mesh.adapters.grpc.registry_validator",
    "Reply": "collector_mesh.domain.model.status",
    "Reloaded": "collector_mesh.domain.model.reloaded",
    "ServeNext": "collector_mesh.domain.model.middleware",
    "Service": "collector_mesh.app.services.service",
    "ServicePage": "collector_mesh.domain.registry.results",
    "Settings": "collector_mesh.app.settings",
    "SettingsError": "collector_mesh.app.settings",
    "Snapshot": "collector_mesh.domain.model.snapshot",
    "StandingInfo": "collector_mesh.domain.model.snapshot",
    "Status": "collector_mesh.domain.model.status",
    "SyncMeshClient": "collector_mesh.app.clients.sync_client",
    "Tls": "collector_mesh.adapters.grpc.tls",
    "TlsError": "collector_mesh.adapters.grpc.tls",
    "UnauthenticatedError": "collector_mesh.domain.model.errors",
    "UnavailableError": "collector_mesh.domain.model.errors",
    "UnimplementedError": "collector_mesh.domain.model.errors",
    "Validity": "collector_mesh.domain.registry.results",
    "configure_logs": "collector_mesh.adapters.telemetry.configuring",
    "contract_of": "collector_mesh.app.contracts.generated",
    "current_call": "collector_mesh.domain.model.context",
    "implements": "collector_mesh.app.contracts.implementing",
    "method": "collector_mesh.app.services.marks",
}

__all__ = [
    "Access",
    "AllowList",
    "AllowListError",
    "BlockingClient",
    "CallContext",
    "CallOptions",
    "CandidateInfo",
    "Collector",
    "ConflictError",
    "ConnectionInfo",
    "Contract",
    "ContractError",
    "DeadlineExceededError",
    "DispatchNext",
    "DuplicateMethodError",
    "Executed",
    "Explanation",
    "ForbiddenError",
    "HandlerError",
    "HistoryPage",
    "Identity",
    "IncomingCall",
    "IncompatibleError",
    "InvalidCallError",
    "LifespanError",
    "ListenError",
    "LocalRegistryValidator",
    "LoopbackNetwork",
    "MeshClient",
    "MeshError",
    "MethodInfo",
    "MethodKey",
    "Middleware",
    "NotFoundError",
    "OtelTracer",
    "OutcomeUnknownError",
    "OutgoingCall",
    "OverloadedError",
    "Payload",
    "PayloadTooLargeError",
    "RegisteredFile",
    "RegisteredName",
    "RegisteredService",
    "Registration",
    "Registry",
    "RegistryClient",
    "RegistryError",
    "RegistryLimits",
    "RegistryValidator",
    "Reloaded",
    "Reply",
    "ServeNext",
    "Service",
    "ServicePage",
    "Settings",
    "SettingsError",
    "Snapshot",
    "StandingInfo",
    "Status",
    "SyncMeshClient",
    "Tls",
    "TlsError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "Validity",
    "configure_logs",
    "contract_of",
    "current_call",
    "implements",
    "method",
]

__getattr__, __dir__ = door(__name__, _HOMES)
