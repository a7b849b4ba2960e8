"""Contracts that are read from generated code: names and types come from the .proto."""

import re
from types import ModuleType
from typing import TYPE_CHECKING, Any, Unpack

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from collector_mesh.adapters.wire.told_services import is_idempotent
from collector_mesh.app.contracts.calling import OPTIONS, Calls
from collector_mesh.app.contracts.declaration import Declaration, Member, set_declaration
from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.message_codec import MessageCodec
from collector_mesh.app.contracts.types.interface import Described, MethodTypes, Parameter
from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.caller import Caller, CallOptions
from collector_mesh.domain.model.errors import InvalidCallError, attribute_of, is_a, kind_of, quoted
from collector_mesh.domain.model.kinds import kind_by
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.registry.schema import File

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word of a name in CamelCase ends."""


class GeneratedContract:
    """A contract that was read from generated code; `contract_of` makes it.

    Args:
        declaration: what it says.
    """

    def __init__(self, declaration: "GeneratedDeclaration") -> None:
        set_declaration(self, declaration)
        self._declaration = declaration

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of its methods, as in the .proto."""
        return tuple(self._declaration.members)

    def client(self, caller: Caller | BlockingCaller, **options: Unpack[CallOptions]) -> "GeneratedClient":
        """Make a client; see `Contract.client`. Its methods have the names of the .proto, or the same in `snake_case`.

        Each takes one message, or its fields by their names, and gives a message: `await users.GetUser(id=7, timeout=2)`.

        Raises:
            TypeError: the caller is none, or an option is none of a call.
        """
        return GeneratedClient(Calls(self._declaration, caller, options))

    def __repr__(self) -> str:
        return f"<contract {self._declaration.title}, methods={list(self._declaration.members)}>"


class GeneratedClient:
    """Calls the methods of a contract that was read from generated code.

    Args:
        calls: makes what the methods are called by.
    """

    def __init__(self, calls: Calls) -> None:
        self._client = calls

    def with_options(self, **options: Unpack[CallOptions]) -> "GeneratedClient":
        """The same client with other options for each call."""
        return GeneratedClient(self._client.with_options(options))

    def __getattr__(self, name: str) -> Any:
        """What calls a method; it is made once.

        Raises:
            AttributeError: there is no such method; the text has those that there are.
        """
        if name.startswith("__"):
            raise AttributeError(name)
        declaration = self._client.declaration
        for member in declaration.members.values():
            if name == member.attribute or name in member.aliases:
                call = self.__dict__[name] = self._client.call(member)
                return call
        known = ", ".join(declaration.members)
        raise AttributeError(f"the contract {declaration.title} has no method {name!r}: there are {known}")

    def __repr__(self) -> str:
        return repr(self._client)


class GeneratedDeclaration(Declaration):
    """What the descriptor of a service says.

    Args:
        namespace: of the service.
        descriptor: its descriptor.
    """

    has_free_names = True

    def __init__(self, namespace: str, descriptor: ServiceDescriptor) -> None:
        name: str = descriptor.full_name
        super().__init__(name, namespace, name, _members(descriptor))
        self.descriptor = descriptor

    def _find_types(self, member: Member) -> MethodTypes:
        method: MethodDescriptor = self.descriptor.methods_by_name[member.name]
        takes, gives = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        return MethodTypes(member.name, (Parameter("request", takes),), gives, member.idempotent)

    def _describe(self) -> Described:
        return _DescribedByProto(self.descriptor)


class _DescribedByProto:
    """The codecs of a service that has generated code."""

    def __init__(self, descriptor: ServiceDescriptor) -> None:
        self._descriptor = descriptor
        self._codecs = {
            method.name: MessageCodec(GetMessageClass(method.input_type), GetMessageClass(method.output_type))
            for method in descriptor.methods
        }

    @property
    def file(self) -> File:
        from collector_mesh.adapters.wire.schemas import read_file

        return read_file(self._descriptor.file.serialized_pb)

    @property
    def service_descriptor(self) -> ServiceDescriptor:
        return self._descriptor

    def codec(self, method: str) -> MessageCodec:
        return self._codecs[method]


def contract_of(source: Any, service: str | None = None, *, namespace: str) -> GeneratedContract:
    """Read a contract from generated code; names and types come from the .proto.

    `contract_of(users_pb2, "UserService", namespace="users")` is used as the class of a contract is: it has `client`, and
    `@implements` compares a class with it. Methods whose `idempotency_level` is `NO_SIDE_EFFECTS` or `IDEMPOTENT` may run twice
    for one call. Methods with streams can be neither called nor implemented yet.

    Args:
        source: a generated module, or the descriptor of a service.
        service: the name of the service in the module, short or full; it may be left out where there is one.
        namespace: of the service in the mesh.

    Raises:
        ContractError: the source is neither, or has no such service; the text names those that there are.
    """
    try:
        check_name("namespace", namespace)
    except (InvalidCallError, TypeError) as error:
        raise ContractError(f"contract_of: {error}") from error
    if service is not None and not is_a(service, str):
        raise ContractError(f"contract_of: the name of a service must be a str, got {kind_of(service)}")
    return GeneratedContract(GeneratedDeclaration(namespace, _descriptor(source, service)))


def _descriptor(source: Any, service: str | None) -> ServiceDescriptor:
    if _is_service(source):
        if service not in {None, source.name, source.full_name}:
            raise ContractError(
                f"contract_of: the descriptor is that of {source.full_name}, not of {quoted(str(service))}"
            )
        return source  # type: ignore[no-any-return]  # just looked
    file = attribute_of(source, "DESCRIPTOR")
    services = attribute_of(file, "services_by_name")
    if not is_a(source, ModuleType) or services is None:
        raise ContractError(
            "contract_of takes a module that was generated from a .proto, as users_pb2, or the descriptor of a service; got"
            f" {kind_of(source)}{f' {quoted(source.__name__)}' if is_a(source, ModuleType) else ''}"
        )
    known: dict[str, ServiceDescriptor] = dict(services)  # type: ignore[call-overload]  # a mapping
    title = f"contract_of({source.__name__})"
    if not known:
        raise ContractError(f"{title}: {_file_name(file)} has no service")
    if service is None:
        if len(known) > 1:
            raise ContractError(f"{title}: say which service is meant: there are {', '.join(known)}")
        return next(iter(known.values()))
    for name, descriptor in known.items():
        if service in {name, descriptor.full_name}:
            return descriptor
    raise ContractError(f"{title}: there is no service {quoted(service)}: there are {', '.join(known)}")


def _is_service(source: Any) -> bool:
    if is_a(source, ServiceDescriptor):
        return True
    # The descriptors of the implementation in C are of a class of their own, which says that it is this one.
    try:
        return isinstance(source, ServiceDescriptor)
    except Exception:  # noqa: BLE001  # it may be anything
        return False


def _file_name(file: object) -> str:
    name = attribute_of(file, "name")
    return name if is_a(name, str) else "it"  # type: ignore[return-value]  # just looked


def _members(descriptor: ServiceDescriptor) -> dict[str, Member]:
    names = [method.name for method in descriptor.methods]
    snakes = [snake_case(name) for name in names]
    members = {}
    for method, snake in zip(descriptor.methods, snakes, strict=True):
        is_clear = snake != method.name and snakes.count(snake) == 1 and snake not in names
        members[method.name] = Member(
            descriptor.full_name,
            method.name,
            method.name,
            is_idempotent(method),
            kind=kind_by(takes_many=method.client_streaming, gives_many=method.server_streaming),
            aliases=(snake,) if is_clear and not hasattr(GeneratedClient, snake) else (),
            fields=tuple(name for name in method.input_type.fields_by_name if name in OPTIONS),
        )
    return members


def snake_case(name: str) -> str:
    """A name in CamelCase as one in snake_case: `GetHTTPUser` is `get_http_user`."""
    return _WORDS.sub("_", name).lower()


if TYPE_CHECKING:
    _fits: type[Described] = _DescribedByProto
