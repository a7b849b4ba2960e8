"""Calls by a contract: arguments are written and checked before anything is sent, results are read."""

from collections.abc import Callable, Mapping
from typing import Any

from collector_mesh.app.calls import made_in_handler
from collector_mesh.app.contracts.declaration import Declaration, Member
from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.caller import Caller, CallOptions
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, attribute_of, is_a, kind_of
from collector_mesh.domain.model.kinds import UNARY, mismatch
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.model.typed_payload import value_of

OPTIONS = frozenset(CallOptions.__annotations__)
"""The names of the options of a call, which no parameter of a contract may have."""


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
        codec = self._described.codec(member.name)
        url, gives = TYPE_PREFIX + codec.takes, codec.gives
        write, read_result = codec.write_request, codec.read_result
        options, caller = _Options(self.options, member.fields), self.caller

        def made(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Payload:
            try:
                return Payload(url, write(args, kwargs))
            except MeshError as error:
                refused = made_in_handler(Reply.refused(error), key, _place_of(caller))
                if refused.nested is None:
                    raise
                # A handler whose own call is wrong has not been called wrongly.
                refused.raise_for_status()
                raise

        def read(payload: Payload) -> Any:
            try:
                return read_result(value_of(payload, gives))
            except MeshError as error:
                raise InvalidCallError(f"result of {key}: {error}") from error

        if is_a(caller, Caller):
            call = _async_call(caller, key, made, read, options)  # type: ignore[arg-type]  # just looked
        else:
            call = _blocking_call(caller, key, made, read, options)  # type: ignore[arg-type]  # the other one
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


_Made = Callable[[tuple[Any, ...], dict[str, Any]], Payload]
_Read = Callable[[Payload], Any]


class _Options:
    """The options of the calls of a method.

    Args:
        defaults: of each call that does not say otherwise.
        fields: those that are names of fields of the request, too.
    """

    def __init__(self, defaults: dict[str, Any], fields: tuple[str, ...]) -> None:
        self.defaults = defaults
        self._fields = fields

    def taken(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The options of a call, which are taken out of its arguments.

        Raises:
            TypeError: one may be meant as a field of the request.
        """
        given = {name: kwargs.pop(name) for name in OPTIONS if name in kwargs}
        if not given:
            return self.defaults
        unclear = [name for name in self._fields if name in given]
        if unclear and not args:
            raise TypeError(
                f"{', '.join(unclear)} may be a field of the request and an option of the call: give the request as a"
                " message, and options beside it or by with_options"
            )
        return {**self.defaults, **given}


def _async_call(
    caller: Caller, key: MethodKey, made: _Made, read: _Read, options: _Options
) -> Callable[..., Any]:
    dispatch, (namespace, service, method) = caller.dispatch, key
    taken, defaults = options.taken, options.defaults

    async def call(*args: Any, **kwargs: Any) -> Any:
        its = taken(args, kwargs) if kwargs else defaults
        reply = await dispatch(namespace, service, method, made(args, kwargs), **its)
        return reply.read(read)

    return call


def _blocking_call(
    caller: BlockingCaller, key: MethodKey, made: _Made, read: _Read, options: _Options
) -> Callable[..., Any]:
    dispatch, (namespace, service, method) = caller.dispatch, key
    taken, defaults = options.taken, options.defaults

    def call(*args: Any, **kwargs: Any) -> Any:
        its = taken(args, kwargs) if kwargs else defaults
        return dispatch(namespace, service, method, made(args, kwargs), **its).read(read)

    return call


def _refusing(error: MeshError) -> Callable[..., Any]:
    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return refuse


def _place_of(caller: object) -> str:
    """Where a call is made."""
    place = attribute_of(caller, "collector_id")
    return place if type(place) is str else ""
