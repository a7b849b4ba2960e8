"""The ports: what a part of the mesh of one's own has to offer."""

from typing import TYPE_CHECKING

from collector_mesh._door import door

if TYPE_CHECKING:
    from collector_mesh.domain.model.allowed import Allowed
    from collector_mesh.domain.model.call import Call, Origin
    from collector_mesh.domain.model.events import Event
    from collector_mesh.domain.model.frames import Frame
    from collector_mesh.domain.model.identity import Identity
    from collector_mesh.domain.model.introduction import Offer, Welcome
    from collector_mesh.domain.model.span import Span, SpanKind
    from collector_mesh.domain.ports.authorizer import Authorizer
    from collector_mesh.domain.ports.balancer import Balancer, Candidate, Selection
    from collector_mesh.domain.ports.call_starter import CallStarter, Contact, StartedCall
    from collector_mesh.domain.ports.clock import Alarm, Clock, Timer
    from collector_mesh.domain.ports.frame_stream import (
        FrameStream,
        Machine,
        MalformedFrameError,
        NobodyListensError,
        NoLinkError,
        Pump,
        PushStream,
        StreamBrokenError,
        StreamEnd,
        Telling,
        UnsendableFrameError,
    )
    from collector_mesh.domain.ports.gateway import Gateway
    from collector_mesh.domain.ports.inspector import Inspector
    from collector_mesh.domain.ports.key_store import (
        Claim,
        Claimed,
        KeyRules,
        KeysFullError,
        KeyState,
        KeyStore,
        KeyStoreError,
    )
    from collector_mesh.domain.ports.link import Link, UnaryLink
    from collector_mesh.domain.ports.observer import Observer
    from collector_mesh.domain.ports.randomness import Randomness
    from collector_mesh.domain.ports.registry_store import (
        EntryKey,
        Kept,
        Position,
        RegistryStore,
        StaleRevisionError,
        StoredCatalogue,
        StoredChange,
        StoredEntry,
        StoredHead,
        StoredHistory,
        Write,
    )
    from collector_mesh.domain.ports.tasks import Job, Promise, Task, Tasks, ThreadUse
    from collector_mesh.domain.ports.tracer import Tracer
    from collector_mesh.domain.ports.transport import Listener, Transport
    from collector_mesh.domain.ports.validator import ReadyValidator, Validator

_HOMES = {
    "Alarm": "collector_mesh.domain.ports.clock",
    "Allowed": "collector_mesh.domain.model.allowed",
    "Authorizer": "collector_mesh.domain.ports.authorizer",
    "Balancer": "collector_mesh.domain.ports.balancer",
    "Call": "collector_mesh.domain.model.call",
    "CallStarter": "collector_mesh.domain.ports.call_starter",
    "Candidate": "collector_mesh.domain.ports.balancer",
    "Claim": "collector_mesh.domain.ports.key_store",
    "Claimed": "collector_mesh.domain.ports.key_store",
    "Clock": "collector_mesh.domain.ports.clock",
    "Contact": "collector_mesh.domain.ports.call_starter",
    "EntryKey": "collector_mesh.domain.ports.registry_store",
    "Event": "collector_mesh.domain.model.events",
    "Frame": "collector_mesh.domain.model.frames",
    "FrameStream": "collector_mesh.domain.ports.frame_stream",
    "Gateway": "collector_mesh.domain.ports.gateway",
    "Identity": "collector_mesh.domain.model.identity",
    "Inspector": "collector_mesh.domain.ports.inspector",
    "Job": "collector_mesh.domain.ports.tasks",
    "Kept": "collector_mesh.domain.ports.registry_store",
    "KeyRules": "collector_mesh.domain.ports.key_store",
    "KeyState": "collector_mesh.domain.ports.key_store",
    "KeyStore": "collector_mesh.domain.ports.key_store",
    "KeyStoreError": "collector_mesh.domain.ports.key_store",
    "KeysFullError": "collector_mesh.domain.ports.key_store",
    "Link": "collector_mesh.domain.ports.link",
    "Listener": "collector_mesh.domain.ports.transport",
    "Machine": "collector_mesh.domain.ports.frame_stream",
    "MalformedFrameError": "collector_mesh.domain.ports.frame_stream",
    "NoLinkError": "collector_mesh.domain.ports.frame_stream",
    "NobodyListensError": "collector_mesh.domain.ports.frame_stream",
    "Observer": "collector_mesh.domain.ports.observer",
    "Offer": "collector_mesh.domain.model.introduction",
    "Origin": "collector_mesh.domain.model.call",
    "Position": "collector_mesh.domain.ports.registry_store",
    "Promise": "collector_mesh.domain.ports.tasks",
    "Pump": "collector_mesh.domain.ports.frame_stream",
    "PushStream": "collector_mesh.domain.ports.frame_stream",
    "Randomness": "collector_mesh.domain.ports.randomness",
    "ReadyValidator": "collector_mesh.domain.ports.validator",
    "RegistryStore": "collector_mesh.domain.ports.registry_store",
    "Selection": "collector_mesh.domain.ports.balancer",
    "Span": "collector_mesh.domain.model.span",
    "SpanKind": "collector_mesh.domain.model.span",
    "StaleRevisionError": "collector_mesh.domain.ports.registry_store",
    "StartedCall": "collector_mesh.domain.ports.call_starter",
    "StoredCatalogue": "collector_mesh.domain.ports.registry_store",
    "StoredChange": "collector_mesh.domain.ports.registry_store",
    "StoredEntry": "collector_mesh.domain.ports.registry_store",
    "StoredHead": "collector_mesh.domain.ports.registry_store",
    "StoredHistory": "collector_mesh.domain.ports.registry_store",
    "StreamBrokenError": "collector_mesh.domain.ports.frame_stream",
    "StreamEnd": "collector_mesh.domain.ports.frame_stream",
    "Task": "collector_mesh.domain.ports.tasks",
    "Tasks": "collector_mesh.domain.ports.tasks",
    "Telling": "collector_mesh.domain.ports.frame_stream",
    "ThreadUse": "collector_mesh.domain.ports.tasks",
    "Timer": "collector_mesh.domain.ports.clock",
    "Tracer": "collector_mesh.domain.ports.tracer",
    "Transport": "collector_mesh.domain.ports.transport",
    "UnaryLink": "collector_mesh.domain.ports.link",
    "UnsendableFrameError": "collector_mesh.domain.ports.frame_stream",
    "Validator": "collector_mesh.domain.ports.validator",
    "Welcome": "collector_mesh.domain.model.introduction",
    "Write": "collector_mesh.domain.ports.registry_store",
}

__all__ = [
    "Alarm",
    "Allowed",
    "Authorizer",
    "Balancer",
    "Call",
    "CallStarter",
    "Candidate",
    "Claim",
    "Claimed",
    "Clock",
    "Contact",
    "EntryKey",
    "Event",
    "Frame",
    "FrameStream",
    "Gateway",
    "Identity",
    "Inspector",
    "Job",
    "Kept",
    "KeyRules",
    "KeyState",
    "KeyStore",
    "KeyStoreError",
    "KeysFullError",
    "Link",
    "Listener",
    "Machine",
    "MalformedFrameError",
    "NoLinkError",
    "NobodyListensError",
    "Observer",
    "Offer",
    "Origin",
    "Position",
    "Promise",
    "Pump",
    "PushStream",
    "Randomness",
    "ReadyValidator",
    "RegistryStore",
    "Selection",
    "Span",
    "SpanKind",
    "StaleRevisionError",
    "StartedCall",
    "StoredCatalogue",
    "StoredChange",
    "StoredEntry",
    "StoredHead",
    "StoredHistory",
    "StreamBrokenError",
    "StreamEnd",
    "Task",
    "Tasks",
    "Telling",
    "ThreadUse",
    "Timer",
    "Tracer",
    "Transport",
    "UnaryLink",
    "UnsendableFrameError",
    "Validator",
    "Welcome",
    "Write",
]

__getattr__, __dir__ = door(__name__, _HOMES)
