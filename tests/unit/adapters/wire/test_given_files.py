"""Descriptors as a registry takes them."""

import attrs
import pytest
from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)
from mesh_test import common_pb2, users_pb2

from collector_mesh.adapters.wire.given_files import MAX_METHODS, WireSchemas, given_file
from collector_mesh.adapters.wire.schemas import read_file as schema_of
from collector_mesh.adapters.wire.schemas import well_known
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.registry.closure import linked
from collector_mesh.domain.registry.naming import json_name_of
from collector_mesh.domain.registry.schema import Method

READER = WireSchemas()


def service(name: str, *methods: tuple[str, str, str]) -> bytes:
    proto = ServiceDescriptorProto(name=name)
    for method, takes, gives in methods:
        proto.method.add(name=method, input_type=takes, output_type=gives)
    data: bytes = proto.SerializeToString()
    return data


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", "a"), ("user_name", "userName"), ("a_1b", "a1b"), ("_a", "A"), ("a__b_", "aB")],
)
def test_names_in_json_are_those_of_protoc(name: str, expected: str) -> None:
    assert json_name_of(name) == expected


def test_names_in_json_are_those_of_the_runtime() -> None:
    names = {
        field.name: field.json_name
        for message in users_pb2.DESCRIPTOR.message_types_by_name.values()
        for field in message.fields
    }

    assert {name: json_name_of(name) for name in names} == {**names, "renamed": "renamed"}


def test_the_same_file_gives_the_same_bytes_whoever_has_written_it() -> None:
    plain = FileDescriptorProto.FromString(users_pb2.DESCRIPTOR.serialized_pb)
    told = FileDescriptorProto.FromString(users_pb2.DESCRIPTOR.serialized_pb)
    told.source_code_info.location.add(leading_comments="users")
    for message in told.message_type:
        for field in message.field:
            field.json_name = field.json_name or json_name_of(field.name)

    assert given_file(told.SerializeToString()) == given_file(plain.SerializeToString())


@pytest.mark.parametrize("told", ["needsRole", "[acme.needs_role]"])
def test_the_same_extension_gives_the_same_bytes_whoever_has_written_it(told: str) -> None:
    def file(json_name: str) -> bytes:
        made = FileDescriptorProto(name="role.proto", package="acme", syntax="proto3")
        made.dependency.append("google/protobuf/descriptor.proto")
        made.extension.add(
            name="needs_role",
            number=50_001,
            extendee=".google.protobuf.MethodOptions",
            type=FieldDescriptorProto.TYPE_STRING,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
            json_name=json_name,
        )
        data: bytes = made.SerializeToString()
        return data

    # Python's compiler leaves the name away, and those of other languages do not.
    assert given_file(file(told)) == given_file(file(""))


def test_what_is_kept_is_read_as_what_was_given() -> None:
    given = given_file(users_pb2.DESCRIPTOR.serialized_pb)

    assert (
        READER.read_file(given.data) == given.schema == READER.read_file(users_pb2.DESCRIPTOR.serialized_pb)
    )


def test_a_service_by_itself_is_read_in_its_order_with_or_without_types() -> None:
    read = READER.read_service(service("acme.Shop", ("Z", ".acme.A", "B"), ("A", "", "")))

    assert read.name == "acme.Shop"
    assert read.methods == (Method("Z", "acme.A", "/B"), Method("A", "", ""))


def test_kinds_of_methods_are_read() -> None:
    proto = ServiceDescriptorProto(name="S")
    method = proto.method.add(name="M", client_streaming=True, server_streaming=True)
    method.options.idempotency_level = MethodOptions.NO_SIDE_EFFECTS

    (read,) = READER.read_service(proto.SerializeToString()).methods

    assert read == Method("M", "", "", True, True, "no_side_effects")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff", "the service descriptor cannot be read"),
        (service(""), "service descriptor name is required"),
        (service("a b"), "service descriptor name must match"),
        (service("S", ("", "", "")), "method_name is required"),
        (service("S", ("M/N", "", "")), "method_name must match"),
        (service("S", ("M", "a b", "")), "type of a method must be the full name of a message"),
        (service("S", ("M", "", ""), ("M", "", "")), "service 'S' has the method 'M' twice"),
        (
            service("S", *((f"M{one}", "", "") for one in range(MAX_METHODS + 1))),
            "5001 methods, at most 5000",
        ),
        (b"\0" * (10 << 20) + b"\0", "has 10485761 bytes"),
    ],
)
def test_a_service_that_cannot_be_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(InvalidCallError, match=told):
        READER.read_service(data)


def test_services_of_a_file_are_given_with_full_names_of_types() -> None:
    proto = FileDescriptorProto.FromString(users_pb2.DESCRIPTOR.serialized_pb)
    full = [method.input_type for method in proto.service[0].method]
    for method in proto.service[0].method:
        method.input_type = method.input_type.removeprefix(f".{proto.package}.")
    given = given_file(proto.SerializeToString())
    common = schema_of(common_pb2.DESCRIPTOR.serialized_pb)
    service = linked([given.schema, common], find=well_known).services["mesh.test.users.v1.UserService"]

    found = ServiceDescriptorProto.FromString(READER.service_data(given.data, service))

    assert found.name == "UserService"
    assert [method.input_type for method in found.method] == full
    with pytest.raises(KeyError):
        READER.service_data(given.data, attrs.evolve(service, name="UserService"))


def test_files_that_everybody_has_are_known() -> None:
    known = READER.known_file("google/protobuf/empty.proto")

    assert known is not None
    assert known.schema.messages[0].name == "google.protobuf.Empty"
    assert READER.known_file("google/api/http.proto") is None
