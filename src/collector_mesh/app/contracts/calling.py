"""Calls by a contract: arguments are written and checked before anything is sent, results are read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from collector_mesh.app.contracts.declaration import Declaration, Member
from collector_mesh.app.contracts.types.interface import MethodCodec
from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.caller import Caller, CallOptions
from collector_mesh.domain.model.context import CallContext, current_call
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, is_a, kind_of
from collector_mesh.domain.model.kinds import UNARY, mismatch
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.model.typed_payload import value_of

OPTIONS = frozenset(CallOptions.__annotations__)
"""The names of the options of a call, which no parameter of a contract may have, but for `OWN_NAMES`."""

OWN_NAMES = frozenset({"key"})
"""Those that parameters may have: where a method has one, that is meant, and the option is given by `with_options`."""


def caller_argument(caller: object) -> Caller | BlockingCaller:
    """What is to make the calls of a client.

    Raises:
        TypeError: it makes no calls.
    """
    if is_a(caller, Caller, BlockingCaller):
        return caller  # type: ignore[return-value]  # just looked
    raise TypeError(
        "caller must be a Collector, a CallContext or a MeshClient, or for code that does not await a SyncMeshClient,"
        f" collector.blocking or context.blocking; got {'None' if caller is None else kind_of(caller)}"
    )


class Calls:
    """Makes what a client of a contract calls its methods by.

    Args:
        declaration: of the contract.
        caller: what makes the calls.
        options: those of each call that does not say otherwise.

    Raises:
        TypeError: the caller makes no calls, or an option is none of a call.
        ContractError: the contract cannot be used.
    """

    def __init__(self, declaration: Declaration, caller: object, options: Mapping[str, Any]) -> None:
        self.declaration = declaration
        self.caller = caller_argument(caller)
        self.options = dict(options)
        for name in self.options:
            if name not in OPTIONS:
                raise TypeError(f"{name} is no option of a call: there are {', '.join(sorted(OPTIONS))}")
        # What is wrong with the types is said now, and not at the first call.
        self._described = declaration.described()

    def call(self, member: Member) -> Callable[..., Any]:
        """What calls a method."""
        key = self.declaration.key(member)
        if member.kind != UNARY:
            return _refusing(mismatch(key, member.kind))
        exchange = self.declaration.kept(
            member.attribute, lambda: _exchange(key, self._described.codec(member.name))
        )
        options, caller = _Options(self.options, member.fields), self.caller
        if is_a(caller, Caller):
            call = _async_call(caller, exchange, options)  # type: ignore[arg-type]  # just looked
        else:
            call = _blocking_call(caller, exchange, options)  # type: ignore[arg-type]  # the other one
        call.__name__ = member.attribute
        call.__qualname__ = f"{member.owner}.{member.attribute}"
        if member.function is not None:
            call.__doc__ = member.function.__doc__
        return call

    def with_options(self, options: Mapping[str, Any]) -> "Calls":
        """The same with other options."""
        return Calls(self.declaration, self.caller, {**self.options, **options})

    def __repr__(self) -> str:
        return f"<client of {self.declaration.title} by {self.caller!r}>"


class _Exchange(NamedTuple):
    """What is the same for all calls of a method, whatever makes them."""

    key: MethodKey
    written: Callable[[Sequence[Any], Mapping[str, Any], int], Payload]
    read: Callable[[Payload], Any]


def _exchange(key: MethodKey, codec: MethodCodec) -> _Exchange:
    url, gives = TYPE_PREFIX + codec.takes, codec.gives
    write, read_result = codec.write_request, codec.read_result

    def written(args: Sequence[Any], kwargs: Mapping[str, Any], most: int) -> Payload:
        return Payload(url, write(args, kwargs, most))

    def read(payload: Payload) -> Any:
        try:
            return read_result(value_of(payload, gives))
        except MeshError as error:
            raise InvalidCallError(f"result of {key}: {error}") from error

    return _Exchange(key, written, read)


class _Options:
    """The options of the calls of a method.

    Args:
        defaults: of each call that does not say otherwise.
        fields: those that are names of fields of the request, too.
    """

    def __init__(self, defaults: dict[str, Any], fields: tuple[str, ...]) -> None:
        self.defaults = defaults
        self._fields = tuple(name for name in fields if name not in OWN_NAMES)
        self._names = OPTIONS.difference(OWN_NAMES.intersection(fields))

    def taken(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The options of a call, which are taken out of its arguments.

        Raises:
            TypeError: one may be meant as a field of the request.
        """
        given = {name: kwargs.pop(name) for name in self._names if name in kwargs}
        if not given:
            return self.defaults
        unclear = [name for name in self._fields if name in given]
        if unclear and not args:
            raise TypeError(
                f"{', '.join(unclear)} may be a field of the request and an option of the call: give the request as a"
                " message, and options beside it or by with_options"
            )
        return {**self.defaults, **given}


def _async_call(caller: Caller, exchange: _Exchange, options: _Options) -> Callable[..., Any]:
    key, written, read = exchange
    dispatch, (namespace, service, method) = caller.dispatch, key
    taken, defaults, most = options.taken, options.defaults, caller.max_payload_bytes

    async def call(*args: Any, **kwargs: Any) -> Any:
        its = taken(args, kwargs) if kwargs else defaults
        try:
            request = written(args, kwargs, most)
        except MeshError as error:
            _raise_nested(error, key, caller)
            raise
        reply = await dispatch(namespace, service, method, request, **its)
        return reply.read(read)

    return call


def _blocking_call(caller: BlockingCaller, exchange: _Exchange, options: _Options) -> Callable[..., Any]:
    key, written, read = exchange
    dispatch, (namespace, service, method) = caller.dispatch, key
    taken, defaults, most = options.taken, options.defaults, caller.max_payload_bytes

    def call(*args: Any, **kwargs: Any) -> Any:
        its = taken(args, kwargs) if kwargs else defaults
        try:
            request = written(args, kwargs, most)
        except MeshError as error:
            _raise_nested(error, key, caller)
            raise
        return dispatch(namespace, service, method, request, **its).read(read)

    return call


def _raise_nested(error: MeshError, key: MethodKey, caller: object) -> None:
    """Raise what is wrong with a call that a handler makes as an error of that call: the handler was not called wrongly."""
    context = caller if is_a(caller, CallContext) else current_call()
    if context is not None:
        reply = Reply.refused(error)
        reply.nested = (key, context.collector_id)  # type: ignore[attr-defined]  # just looked
        reply.raise_for_status()


def _refusing(error: MeshError) -> Callable[..., Any]:
    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return refuse
