"""The methods of a contract, as programs and type checkers see them.

In the class of a contract each method is an `Operation`. A client has in its place what makes the call: an `AsyncCall`, or a
`BlockingCall`. To a type checker a client for code that does not await is the class of the contract itself (`BlockingClient`):
there is no other type that has the same methods with other results. So an `Operation` that is looked up at a class is a
`BlockingCall`, and one that is looked up at an instance an `AsyncCall`.
"""

import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, Unpack, overload

from collector_mesh.domain.model.caller import CallOptions

if TYPE_CHECKING:
    from collector_mesh.app.contracts.declaration import Member

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
D = TypeVar("D")
E = TypeVar("E")
G = TypeVar("G")
F_co = TypeVar("F_co", bound=Callable[..., Any], covariant=True)
"""What a method takes and gives, without `self`, and without what has to be awaited."""


class AsyncCall(Generic[F_co]):
    """A method of a client: it is awaited. Call options go beside arguments by position; see `with_options` for others."""

    @overload
    def __call__(
        self: "AsyncCall[Callable[P, R]]", *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def __call__(
        self: "AsyncCall[Callable[[], R]]", **options: Unpack[CallOptions]
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def __call__(
        self: "AsyncCall[Callable[[A], R]]", a: A, /, **options: Unpack[CallOptions]
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def __call__(
        self: "AsyncCall[Callable[[A, B], R]]", a: A, b: B, /, **options: Unpack[CallOptions]
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def __call__(
        self: "AsyncCall[Callable[[A, B, D], R]]", a: A, b: B, c: D, /, **options: Unpack[CallOptions]
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def __call__(
        self: "AsyncCall[Callable[[A, B, D, E], R]]",
        a: A,
        b: B,
        c: D,
        d: E,
        /,
        **options: Unpack[CallOptions],
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def __call__(
        self: "AsyncCall[Callable[[A, B, D, E, G], R]]",
        a: A,
        b: B,
        c: D,
        d: E,
        e: G,
        /,
        **options: Unpack[CallOptions],
    ) -> Coroutine[Any, Any, R]: ...

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Call the method; see `Contract.client`."""
        raise _only_a_type(self)


class BlockingCall(Generic[F_co]):
    """A method of a client for code that does not await: the thread waits. See `AsyncCall`."""

    @overload
    def __call__(self: "BlockingCall[Callable[P, R]]", *args: P.args, **kwargs: P.kwargs) -> R: ...

    @overload
    def __call__(self: "BlockingCall[Callable[[], R]]", **options: Unpack[CallOptions]) -> R: ...

    @overload
    def __call__(self: "BlockingCall[Callable[[A], R]]", a: A, /, **options: Unpack[CallOptions]) -> R: ...

    @overload
    def __call__(
        self: "BlockingCall[Callable[[A, B], R]]", a: A, b: B, /, **options: Unpack[CallOptions]
    ) -> R: ...

    @overload
    def __call__(
        self: "BlockingCall[Callable[[A, B, D], R]]", a: A, b: B, c: D, /, **options: Unpack[CallOptions]
    ) -> R: ...

    @overload
    def __call__(
        self: "BlockingCall[Callable[[A, B, D, E], R]]",
        a: A,
        b: B,
        c: D,
        d: E,
        /,
        **options: Unpack[CallOptions],
    ) -> R: ...

    @overload
    def __call__(
        self: "BlockingCall[Callable[[A, B, D, E, G], R]]",
        a: A,
        b: B,
        c: D,
        d: E,
        e: G,
        /,
        **options: Unpack[CallOptions],
    ) -> R: ...

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Call the method; see `Contract.client`."""
        raise _only_a_type(self)


def _only_a_type(call: object) -> TypeError:
    return TypeError(
        f"{type(call).__name__} is for type checkers: Contract.client(caller) makes what can be called"
    )


class Operation(Generic[F_co]):
    """A method in the class of a contract; a client has what calls it, under the same name.

    Args:
        member: the method.
    """

    def __init__(self, member: "Member") -> None:
        self.member = member
        self.__wrapped__ = member.function
        self.__name__ = member.attribute
        self.__doc__ = inspect.getdoc(member.function)

    @overload
    def __get__(self, instance: None, owner: object) -> BlockingCall[F_co]: ...

    @overload
    def __get__(self, instance: object, owner: object) -> AsyncCall[F_co]: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        """What calls the method, where it is looked up at a client; it is made once for each."""
        if instance is None:
            return self
        call = instance.__dict__[self.member.attribute] = instance._client.call(self.member)  # noqa: SLF001  # a part of it
        return call

    def __call__(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Say that a client is needed.

        Raises:
            TypeError: always.
        """
        owner = self.member.owner
        raise TypeError(
            f"{owner} is a contract, which runs nothing: {owner}.client(caller).{self.__name__}(...) does"
        )

    def __repr__(self) -> str:
        return f"<method {self.__name__} of the contract {self.member.owner}>"
