"""Contracts: classes that say what a service can do, for those who implement it and for those who call it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from collector_mesh.app.contracts.calling import Calls
from collector_mesh.app.contracts.class_declaration import ClassDeclaration
from collector_mesh.app.contracts.declaration import declaration_of, given_declaration, set_declaration
from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.form import check_members, members_in, names_argument, type_names_argument
from collector_mesh.app.contracts.operations import Operation
from collector_mesh.app.outside import outside
from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.caller import Caller, CallOptions
from collector_mesh.domain.model.errors import kind_of

C = TypeVar("C", bound="Contract")


class _WithOptions:
    """`with_options` of clients. Type checkers take a client for code that does not await for the class of its contract."""

    @overload
    def __get__(self, instance: None, owner: type[C]) -> "_Optioned[type[C]]": ...

    @overload
    def __get__(self, instance: C, owner: object) -> "_Optioned[C]": ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            raise TypeError(f"{owner.__qualname__}.client(caller) makes a client, which has with_options")

        def with_options(**options: Any) -> Any:
            return _client(type(instance), instance._client.with_options(options))  # noqa: SLF001  # a part of it

        return with_options


class Contract:
    """What a service can do: a subclass has a typed method for each of its methods, without code.

    `class Shop(Contract, namespace="shop"):` says the namespace of the service; `service="acme.v1.Shop"` its full name, by
    default the name of the class. A method stands there as `async def create_order(self, order: Order) -> Receipt: ...`, or
    without `async`; `@method("Name", idempotent=True)` gives it another name, or says that it may run twice for one call. What
    is before the last dot of the full name is the package of the messages. A subclass of a contract has its methods too.
    `names={Shipment.Status: "ShipmentStatus"}` gives classes of data and enums other names than those of their classes.
    `lock="NAME"` is the lock file, from the folder of the module, where it is another one than the one beside the module.

    `@implements(Shop)` on a class says that it does this, and `Shop.client(caller)` makes a client, which has the methods.

    Raises:
        ContractError: the class cannot be a contract; the text names everything that is wrong.
    """

    _client: Calls

    def __init_subclass__(
        cls,
        *,
        namespace: str | None = None,
        service: str | None = None,
        lock: str = "",
        names: Mapping[Any, str] | None = None,
    ) -> None:
        """Take down what the class says."""
        super().__init_subclass__()
        bases = [found for each in cls.__mro__[1:] if (found := given_declaration(each)) is not None]
        if namespace is None and bases:
            namespace = bases[0].namespace
        own_names = names_argument(cls, namespace, cls.__name__ if service is None else service)
        type_names = {kind: name for base in reversed(bases) for kind, name in base.type_names.items()}
        type_names |= type_names_argument(cls, names)
        own = members_in(cls, _TAKEN)
        members = {name: member for base in reversed(bases) for name, member in base.members.items()}
        members |= own
        for attribute, value in vars(cls).items():
            if attribute in members and attribute not in own:
                raise ContractError(
                    f"{cls.__qualname__} cannot be a contract: {attribute} is a method of a base, and no method here but"
                    f" {type(value).__name__}"
                )
        check_members(cls.__qualname__, members)
        for attribute, member in own.items():
            setattr(cls, attribute, Operation(member))
        if type(lock) is not str:
            raise ContractError(f"{cls.__qualname__}: lock must be the path of a file, got {kind_of(lock)}")
        set_declaration(cls, ClassDeclaration(cls, *own_names, members, _names_around(cls), lock, type_names))

    def __init__(self) -> None:
        kind = type(self).__qualname__
        raise TypeError(
            f"{kind} is a contract, which runs nothing: {kind}.client(caller) makes a client, and @implements({kind})"
            " stands on a class that does what it says"
        )

    @overload
    @classmethod
    def client(cls, caller: Caller, **options: Unpack[CallOptions]) -> Self: ...

    @overload
    @classmethod
    def client(cls, caller: BlockingCaller, **options: Unpack[CallOptions]) -> type[Self]: ...

    @classmethod
    def client(cls, caller: Caller | BlockingCaller, **options: Unpack[CallOptions]) -> Any:
        """Make a client: it has the methods of the contract, and calls them.

        With a `Collector`, the context of a handler, a `MeshClient`, or anything else that makes calls, they are awaited:
        `await shop.create_order(order, timeout=2)`. With a `SyncMeshClient`, `collector.blocking` or `context.blocking` they
        give the result. Each takes the options of a call beside its own arguments. Arguments are checked before anything is
        sent. It costs little: a handler may make one for each call.

        Type checkers take a client that is not awaited for the class of the contract: `BlockingClient[Shop]` names that
        type. There the methods have to be marked with `@method`.

        Args:
            caller: what makes the calls.
            options: those of each call that does not say otherwise; see `Caller.dispatch`.

        Raises:
            TypeError: the caller is none, or an option is none of a call.
            ContractError: the types of the contract cannot be used, or do not fit its lock file.
        """
        return _client(cls, Calls(declaration_of(cls), caller, options))

    with_options = _WithOptions()
    """The same client with other options for each call: `shop.with_options(timeout=2).create_order(order=order)`."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say which methods there are.

            Raises:
                AttributeError: always.
            """
            declaration = given_declaration(type(self))
            if name.startswith("_") or declaration is None:
                raise AttributeError(f"{type(self).__qualname__} has no attribute {name!r}")
            known = ", ".join(declaration.members)
            raise AttributeError(
                f"the contract {declaration.title} has no method {name!r}: there are {known}"
            )

    def __repr__(self) -> str:
        return repr(self._client)


_TAKEN = frozenset(name for name in vars(Contract) if not name.startswith("__")) | {"_client"}

if TYPE_CHECKING:
    from typing import Protocol

    T_co = TypeVar("T_co", covariant=True)

    class _Optioned(Protocol[T_co]):
        def __call__(self, **options: Unpack[CallOptions]) -> T_co: ...

    BlockingClient = type[C]
else:

    class BlockingClient:
        """The type of a client for code that does not await, for annotations: `BlockingClient[Shop]`."""

        def __class_getitem__(cls, contract: Any) -> Any:
            """The type of the clients of a contract."""
            return contract


def _client(kind: type[C], calls: Calls) -> C:
    client = object.__new__(kind)
    client._client = calls  # a part of it
    return client


def _names_around(cls: type) -> Callable[[], Mapping[str, Any]]:
    """The names that count where a class is defined, beside those of its module."""
    where = outside()
    around = {} if where.f_locals is where.f_globals else dict(where.f_locals)

    def names() -> Mapping[str, Any]:
        inner = {name: value for name, value in vars(cls).items() if isinstance(value, type)}
        return {**around, cls.__name__: cls, **inner}

    return names
