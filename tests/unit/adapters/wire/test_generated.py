"""The generated code of the wire: what WIRE §1 and §4 fix, and that it stays to itself."""

import os
import subprocess
import sys
from types import ModuleType

import pytest
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tests.limits import LIMIT_SECONDS

from collector_mesh.adapters.wire.generated import dispatcher_pb2, registry_pb2
from collector_mesh.adapters.wire.generated.pool import POOL

STRINGS = "map<string, string>"
ANY = "google.protobuf.Any"
STATUS = "collector.Status"
SERVICE = "collector.ServiceTypeRef"

MESSAGES = {
    "ServiceTypeRef": {1: ("string", "namespace"), 2: ("string", "service_name")},
    "Status": {1: ("int32", "code"), 2: ("string", "message"), 3: (STRINGS, "details")},
    "ConnectRequest": {
        1: ("string", "collector_id"),
        2: ("string", "address"),
        3: ("repeated string", "namespaces"),
    },
    "ConnectResponse": {
        1: (STATUS, "status"),
        2: ("string", "connection_id"),
        3: ("repeated string", "shared_namespaces"),
        4: ("string", "target_collector_id"),
    },
    "ServeRequest": {
        1: ("string", "namespace"),
        2: (SERVICE, "service"),
        3: ("string", "method_name"),
        4: (ANY, "input"),
        5: (STRINGS, "execution_context"),
    },
    "ServeResponse": {1: (STATUS, "status"), 2: (ANY, "output"), 3: ("string", "executor_id")},
    "DispatchRequest": {
        1: ("string", "namespace"),
        2: (SERVICE, "service"),
        3: ("string", "method_name"),
        4: (ANY, "input"),
        5: ("string", "target_collector_id"),
        6: (STRINGS, "routing_hints"),
    },
    "DispatchResponse": {
        1: (STATUS, "status"),
        2: (ANY, "output"),
        3: ("string", "handled_by_collector_id"),
    },
}

FILE = "google.protobuf.FileDescriptorProto"
SERVICE_PROTO = "google.protobuf.ServiceDescriptorProto"
TIMESTAMP = "google.protobuf.Timestamp"

REGISTRY_MESSAGES = {
    "RegisterProtoRequest": {
        1: ("string", "namespace"),
        2: (FILE, "file_descriptor"),
        3: (f"repeated {FILE}", "dependencies"),
    },
    "RegisterProtoResponse": {
        1: (STATUS, "status"),
        2: ("string", "proto_id"),
        3: ("repeated string", "registered_messages"),
    },
    "RegisterServiceRequest": {
        1: ("string", "namespace"),
        2: (SERVICE_PROTO, "service_descriptor"),
        3: (FILE, "file_descriptor"),
    },
    "RegisterServiceResponse": {
        1: (STATUS, "status"),
        2: ("string", "service_id"),
        3: ("repeated string", "registered_methods"),
    },
    "LookupServiceRequest": {1: ("string", "namespace"), 2: ("string", "service_name")},
    "LookupServiceResponse": {1: (STATUS, "status"), 2: ("collector.RegisteredService", "service")},
    "ValidateMethodRequest": {
        1: ("string", "namespace"),
        2: ("string", "service_name"),
        3: ("string", "method_name"),
    },
    "ValidateMethodResponse": {1: (STATUS, "status"), 2: ("bool", "is_valid"), 3: ("string", "message")},
    "ListServicesRequest": {1: ("string", "namespace")},
    "ListServicesResponse": {1: (STATUS, "status"), 2: ("repeated collector.RegisteredService", "services")},
    "RegisteredService": {
        1: ("string", "id"),
        2: ("string", "namespace"),
        3: ("string", "service_name"),
        4: (SERVICE_PROTO, "service_descriptor"),
        5: ("repeated string", "method_names"),
        6: ("collector.Metadata", "metadata"),
    },
    "RegisteredProto": {
        1: ("string", "id"),
        2: ("string", "namespace"),
        3: ("repeated string", "message_names"),
        4: (FILE, "file_descriptor"),
        5: ("repeated string", "dependencies"),
        6: ("collector.Metadata", "metadata"),
    },
    "Metadata": {1: (TIMESTAMP, "created_at"), 2: (TIMESTAMP, "updated_at"), 3: (STRINGS, "labels")},
}

MODULES = {dispatcher_pb2: MESSAGES, registry_pb2: REGISTRY_MESSAGES}
EVERY_MESSAGE = [(module, name) for module, messages in MODULES.items() for name in messages]

REGISTRY_METHODS = {
    name: (f"collector.{name}Request", f"collector.{name}Response")
    for name in ("RegisterProto", "RegisterService", "LookupService", "ValidateMethod", "ListServices")
}

METHODS = {
    "Connect": ("collector.ConnectRequest", "collector.ConnectResponse"),
    "Serve": ("collector.ServeRequest", "collector.ServeResponse"),
    "Dispatch": ("collector.DispatchRequest", "collector.DispatchResponse"),
}

# A program whose user has generated messages of the same names, with other fields, as protoc's code does it.
NEIGHBOR = """
import sys
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.internal import api_implementation, builder

assert api_implementation.Type() == {implementation!r}, api_implementation.Type()

def load_theirs():
    file = descriptor_pb2.FileDescriptorProto(name={file!r}, package="collector", syntax="proto3")
    for name in {messages!r}:
        field = file.message_type.add(name=name).field.add(name="text", json_name="text", number=1)
        field.type, field.label = field.TYPE_STRING, field.LABEL_OPTIONAL
    theirs = {{"__name__": "theirs_pb2"}}
    descriptor = descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    builder.BuildMessageAndEnumDescriptors(descriptor, theirs)
    builder.BuildTopDescriptorsAndMessages(descriptor, "theirs_pb2", theirs)
    return theirs

def load_ours():
    from collector_mesh.adapters.wire.generated import dispatcher_pb2
    return dispatcher_pb2

{order}

data = ours.ServeRequest(input={{"type_url": "t", "value": b"v"}}, execution_context={{"a": "b"}}).SerializeToString()
request = ours.ServeRequest.FromString(data)
assert (request.input.type_url, request.input.value, dict(request.execution_context)) == ("t", b"v", {{"a": "b"}})
assert ours.Status(code=5).SerializeToString() == bytes([8, 5])
for name in {messages!r}:
    assert theirs[name](text="x").SerializeToString() == bytes([10, 1, 120])
    assert descriptor_pool.Default().FindMessageTypeByName("collector." + name) is theirs[name].DESCRIPTOR
"""
OURS_FIRST = "ours = load_ours()\ntheirs = load_theirs()"
THEIRS_FIRST = "theirs = load_theirs()\nours = load_ours()"


def fields_of(message: Descriptor) -> dict[int, tuple[str, str]]:
    return {field.number: (type_of(field), field.name) for field in message.fields}


def type_of(field: FieldDescriptor) -> str:
    """The type of a field, as a proto file spells it."""
    names = {
        FieldDescriptor.TYPE_STRING: "string",
        FieldDescriptor.TYPE_INT32: "int32",
        FieldDescriptor.TYPE_BOOL: "bool",
    }
    if field.message_type is None:
        return f"repeated {names[field.type]}" if field.is_repeated else names[field.type]
    if field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return f"map<{type_of(key)}, {type_of(value)}>"
    return f"repeated {field.message_type.full_name}" if field.is_repeated else field.message_type.full_name


def run(script: str, implementation: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )


@pytest.mark.parametrize(("module", "name"), EVERY_MESSAGE)
def test_a_message_has_the_fields_that_the_wire_contract_says(module: ModuleType, name: str) -> None:
    assert fields_of(module.DESCRIPTOR.message_types_by_name[name]) == MODULES[module][name]


@pytest.mark.parametrize("module", MODULES)
def test_there_are_no_other_messages(module: ModuleType) -> None:
    assert list(module.DESCRIPTOR.message_types_by_name) == list(MODULES[module])


@pytest.mark.parametrize(
    ("module", "name", "methods"),
    [
        (dispatcher_pb2, "collector.CollectiveDispatcher", METHODS),
        (registry_pb2, "collector.CollectorRegistry", REGISTRY_METHODS),
    ],
)
def test_a_service_has_the_methods_that_the_wire_contract_says(
    module: ModuleType, name: str, methods: dict[str, tuple[str, str]]
) -> None:
    (service,) = module.DESCRIPTOR.services_by_name.values()

    assert service.full_name == name
    assert {
        method.name: (method.input_type.full_name, method.output_type.full_name) for method in service.methods
    } == methods


@pytest.mark.parametrize("module", MODULES)
def test_generated_code_of_other_languages_has_a_place(module: ModuleType) -> None:
    options = module.DESCRIPTOR.GetOptions()

    assert (options.go_package, options.java_package, options.csharp_namespace) == (
        "collectormesh/collectorpb",
        "collectormesh.collector",
        "CollectorMesh.Collector",
    )


@pytest.mark.parametrize("module", MODULES)
def test_no_method_streams(module: ModuleType) -> None:
    (service,) = module.DESCRIPTOR.services_by_name.values()

    assert not any(method.client_streaming or method.server_streaming for method in service.methods)


def test_the_bytes_are_those_of_any_other_program() -> None:
    request = dispatcher_pb2.DispatchRequest(
        namespace="n",
        service={"service_name": "s"},
        method_name="m",
        input={"type_url": "t", "value": b"v"},
        target_collector_id="c",
        routing_hints={"k": "w"},
    )

    assert request.SerializeToString() == (
        b"\x0a\x01n\x12\x03\x12\x01s\x1a\x01m\x22\x06\x0a\x01t\x12\x01v\x2a\x01c\x32\x06\x0a\x01k\x12\x01w"
    )


@pytest.mark.parametrize("module", MODULES)
def test_the_code_is_in_a_pool_of_its_own(module: ModuleType) -> None:
    assert module.DESCRIPTOR.pool is POOL
    assert POOL is not descriptor_pool.Default()


@pytest.mark.parametrize("module", MODULES)
def test_the_default_pool_hears_nothing_of_it(module: ModuleType) -> None:
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindFileByName(module.DESCRIPTOR.name)


def test_our_any_is_not_the_public_one() -> None:
    assert not isinstance(dispatcher_pb2.ServeRequest().input, any_pb2.Any)


def test_our_descriptors_are_not_the_public_ones() -> None:
    assert not isinstance(
        registry_pb2.RegisterProtoRequest().file_descriptor, descriptor_pb2.FileDescriptorProto
    )


def test_classes_are_named_after_where_they_are() -> None:
    details = dispatcher_pb2.Status.DetailsEntry

    assert (details.__module__, details.__qualname__) == (dispatcher_pb2.__name__, "Status.DetailsEntry")


@pytest.mark.parametrize("implementation", ["upb", "python"])
@pytest.mark.parametrize("order", [OURS_FIRST, THEIRS_FIRST], ids=["ours first", "theirs first"])
@pytest.mark.parametrize("file", ["collector/dispatcher.proto", "their_own.proto"])
def test_a_user_may_have_messages_of_the_same_names(implementation: str, order: str, file: str) -> None:
    script = NEIGHBOR.format(implementation=implementation, order=order, file=file, messages=list(MESSAGES))

    done = run(script, implementation)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("implementation", ["upb", "python"])
def test_it_loads_without_a_warning(implementation: str) -> None:
    done = run(
        "import collector_mesh.adapters.wire.generated.registry_pb2;"
        "import collector_mesh.adapters.wire.generated.registry_v1.registry_pb2",
        implementation,
    )

    assert (done.returncode, done.stderr) == (0, "")
