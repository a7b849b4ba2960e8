"""A program that knows nothing of the mesh: it has the original's messages, as the compiler has made them of the proto files.

It is given the address of a registry, and prints what it gets as JSON.
"""

import json
import sys

import grpc
from collector import registry_pb2, registry_pb2_grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.json_format import MessageToDict


def users_file() -> FileDescriptorProto:
    """A file with a service."""
    file = FileDescriptorProto(name="users.proto", package="users", syntax="proto3")
    file.message_type.add(name="User")
    file.message_type.add(name="GetUserRequest")
    service = file.service.add(name="UserService")
    service.method.add(name="GetUser", input_type=".users.GetUserRequest", output_type=".users.User")
    service.method.add(name="AddUser", input_type=".users.User", output_type=".users.User")
    return file


def main(address: str) -> None:
    """Use each method."""
    file = users_file()
    with grpc.insecure_channel(address) as channel:
        stub = registry_pb2_grpc.CollectorRegistryStub(channel)
        answers = [
            stub.RegisterProto(
                registry_pb2.RegisterProtoRequest(namespace="users", file_descriptor=file, dependencies=[])
            ),
            stub.RegisterService(
                registry_pb2.RegisterServiceRequest(
                    namespace="users", service_descriptor=file.service[0], file_descriptor=file
                )
            ),
            stub.ValidateMethod(
                registry_pb2.ValidateMethodRequest(
                    namespace="users", service_name="UserService", method_name="GetUser"
                )
            ),
            stub.ValidateMethod(
                registry_pb2.ValidateMethodRequest(
                    namespace="users", service_name="UserService", method_name="Drop"
                )
            ),
            stub.LookupService(
                registry_pb2.LookupServiceRequest(namespace="users", service_name="users.UserService")
            ).service.service_descriptor,
            stub.ListServices(registry_pb2.ListServicesRequest()).services[0],
        ]
        answers[-1].ClearField("metadata")
        answers[-1].ClearField("service_descriptor")
        try:
            stub.RegisterService(registry_pb2.RegisterServiceRequest(namespace="users"))
            refused = ""
        except grpc.RpcError as error:
            refused = f"{error.code().name}: {error.details()}"
    sys.stdout.write(json.dumps([*map(MessageToDict, answers), refused]))


if __name__ == "__main__":
    main(sys.argv[1])
