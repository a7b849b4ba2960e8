"""What the class of a contract may be, and what `@implements` compares."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import typing
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Unpack

import pytest

from collector_mesh import (
    CallContext,
    CallOptions,
    Collector,
    Contract,
    ContractError,
    LoopbackNetwork,
    Payload,
    implements,
    method,
)
from collector_mesh.testing import FakeCalls


@dataclass
class Order:
    item: str
    count: int = 1


@dataclass
class Receipt:
    total: int


class Shop(Contract, namespace="shop"):
    async def create_order(self, order: Order) -> Receipt: ...  # type: ignore[empty-body]
    @method("Cancel", idempotent=True)
    def cancel(self, order: Order, why: str = "") -> None: ...


def served(offered: Any) -> list[str]:
    collector = Collector("a", services=[offered], transport=LoopbackNetwork())
    return [str(info.key) for info in collector.container.handlers().infos]


# ---- the class of a contract -------------------------------------------------------------------------


def no_namespace() -> None:
    class _Odd(Contract):
        def f(self) -> None: ...


def odd_namespace() -> None:
    class _Odd(Contract, namespace="a b"):
        def f(self) -> None: ...


def odd_service() -> None:
    class _Odd(Contract, namespace="a", service="1.2"):
        def f(self) -> None: ...


def nothing() -> None:
    class _Odd(Contract, namespace="a"):
        limit = 3


def no_types() -> None:
    class _Odd(Contract, namespace="a"):
        def f(self, order): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # what is tested


def odd_parameters() -> None:
    class _Odd(Contract, namespace="a"):
        def f(self, one: int, /, *more: int, timeout: float, context: CallContext, **rest: int) -> None: ...


def odd_members() -> None:
    class _Odd(Contract, namespace="a"):
        def __init__(self) -> None: ...
        def _hidden(self) -> None: ...
        def client(self) -> None: ...  # type: ignore[override]  # what is tested
        @staticmethod
        def free() -> None: ...
        @property
        def size(self) -> int:
            return 1

        async def feed(self) -> AsyncIterator[int]:
            yield 1


def two_of_a_name() -> None:
    class _Odd(Contract, namespace="a"):
        def f(self) -> None: ...
        @method("f")
        def g(self) -> None: ...


def no_method_over_one() -> None:
    class _Odd(Shop, namespace="a"):
        cancel = None  # type: ignore[assignment]  # what is tested


@pytest.mark.parametrize(
    ("define", "said"),
    [
        (no_namespace, r"has to say its namespace, as in 'class _Odd\(Contract, namespace=\"...\"\)'"),
        (odd_namespace, "namespace must match .*, got 'a b'"),
        (odd_service, "service must match .*, got '1.2'"),
        (nothing, "it has no methods"),
        (no_types, "f does not say of which type order is; f does not say what it returns"),
        (
            odd_parameters,
            (
                r"f takes one by position only.*; f takes \*more.*; f takes timeout, which is an option of each call.*;"
                r" f takes context, a CallContext.*; f takes \*\*rest"
            ),
        ),
        (
            odd_members,
            (
                "__init__ cannot be there.*; _hidden is private.*; client is a name that clients have.*; free is a static"
                " method.*; size is a property.*; feed is a generator; methods with streams do not exist yet"
            ),
        ),
        (two_of_a_name, "f and g are both called f"),
        (no_method_over_one, "cancel is a method of a base"),
    ],
)
def test_a_class_that_can_be_no_contract_is_refused_with_all_that_is_wrong(
    define: Callable[[], None], said: str
) -> None:
    with pytest.raises(ContractError, match=said):
        define()


def test_an_error_of_a_contract_is_a_type_error() -> None:
    assert issubclass(ContractError, TypeError)


def test_a_contract_runs_nothing() -> None:
    with pytest.raises(
        TypeError, match=r"Shop is a contract, which runs nothing: Shop.client\(caller\) makes a client"
    ):
        Shop()
    with pytest.raises(TypeError, match=r"Shop.client\(caller\).cancel\(...\) does"):
        Shop.cancel(Order("a"))
    with pytest.raises(TypeError, match=r"serve a class under @implements\(Shop\)"):
        served(Shop)


def test_a_subclass_has_the_methods_of_its_bases() -> None:
    class Admin(Shop):
        def close(self) -> None: ...

    @implements(Admin)
    class MyAdmin:
        def create_order(self, order: Order) -> Receipt:
            return Receipt(order.count)

        def cancel(self, order: Order, why: str) -> None: ...
        def close(self) -> None: ...

    assert served(MyAdmin) == ["shop/Admin.create_order", "shop/Admin.Cancel", "shop/Admin.close"]


class Later(Contract, namespace="a"):
    def f(self, thing: Thing) -> Thing: ...  # type: ignore[empty-body]


@dataclass
class Thing:
    """Defined after the contract."""

    name: str


def test_types_may_be_defined_after_the_contract() -> None:
    @implements(Later)
    class MyLater:
        def f(self, thing: Thing) -> Thing:
            return thing

    assert served(MyLater) == ["a/Later.f"]


def test_an_annotation_that_means_nothing_is_named_when_the_contract_is_used() -> None:
    class Odd(Contract, namespace="a"):
        def f(self, thing: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # what is tested

    with pytest.raises(ContractError, match=r"Odd.f: thing: the annotation 'Missing' cannot be resolved"):
        Odd.client(FakeCalls())


def test_a_stream_is_named_when_the_contract_is_used() -> None:
    class Odd(Contract, namespace="a"):
        def f(self) -> AsyncIterator[int]: ...  # type: ignore[empty-body]

    with pytest.raises(ContractError, match=r"Odd.f: the result is a stream.*do not exist yet"):
        Odd.client(FakeCalls())


def test_importing_and_implementing_a_contract_loads_neither_grpc_nor_protobuf() -> None:
    program = """
import sys
from collector_mesh import Contract, implements, method

class Shop(Contract, namespace="shop"):
    @method(idempotent=True)
    def total(self, count: int) -> float: ...

@implements(Shop)
class MyShop:
    def total(self, count: int) -> float:
        return 1.0

print([name for name in sys.modules if name.partition(".")[0] in {"grpc", "google"}])
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


# ---- classes that implement one ----------------------------------------------------------------------


def test_a_class_that_does_what_the_contract_says_is_served_as_it_is_an_instance_and_a_factory() -> None:
    @implements(Shop)
    class MyShop:
        def __init__(self, first: int = 1) -> None:
            self.first = first

        async def create_order(self, order: Order, context: CallContext) -> Receipt:
            return Receipt(self.first)

        def cancel(self, order: Order, why: str) -> None: ...
        def _own(self) -> int:
            return self.first

    expected = ["shop/Shop.create_order", "shop/Shop.Cancel"]
    assert served(MyShop) == served(MyShop(2)) == served(lambda: MyShop(3)) == expected


def missing() -> None:
    @implements(Shop)
    class _Bad:
        pass


def otherwise() -> None:
    @implements(Shop)
    class _Bad:
        async def create_order(self, order: str, more: int) -> None: ...
        def cancel(self, why: int, order: Order) -> int:
            return 1


def renamed() -> None:
    @implements(Shop)
    class _Bad:
        async def create_order(self, the_order: Order) -> AsyncIterator[int]:
            yield 1

        def cancel(self, the_order: Order, *why: str) -> None: ...


def no_methods() -> None:
    @implements(Shop)
    class _Bad:
        create_order = 3

        @property
        def cancel(self) -> int:
            return 1

        @method
        def other(self) -> None: ...


def unresolved() -> None:
    @implements(Shop)
    class _Bad:
        async def create_order(self, order: Ordr) -> Receipt: ...  # type: ignore[name-defined, empty-body]  # noqa: F821
        def cancel(self, order: Order, why: str) -> None: ...


@pytest.mark.parametrize(
    ("define", "said"),
    [
        (missing, "_Bad does not implement Shop: create_order is missing; cancel is missing"),
        (
            otherwise,
            (
                "create_order takes more, which the contract does not have; create_order takes order as str, expected Order;"
                " create_order returns None, expected Receipt; cancel takes why as int, expected str; cancel takes (why, order),"
                " expected the order (order, why); cancel returns int, expected None"
            ),
        ),
        (renamed, "create_order is a generator; methods with streams do not exist yet; cancel takes *why: "),
        (
            renamed,
            "cancel does not take order; cancel does not take why; cancel takes the_order, which the contract does",
        ),
        (
            no_methods,
            "create_order is no method; cancel is no method; other is marked with @method, and the contract has",
        ),
        (unresolved, "create_order has an annotation of order that cannot be resolved, 'Ordr'"),
    ],
)
def test_every_difference_from_the_contract_is_named_when_the_class_is_defined(
    define: Callable[[], None], said: str
) -> None:
    with pytest.raises(ContractError, match=re.escape(said)):
        define()


def test_the_same_types_may_be_spelled_otherwise() -> None:
    class Spelled(Contract, namespace="a"):
        def f(self, orders: list[Order], note: str | None, both: tuple[int, ...]) -> int | None: ...

    @implements(Spelled)
    class MySpelled:
        def f(
            self,
            orders: typing.List["Order"],  # noqa: UP006, UP037  # what is tested
            note: typing.Optional["str"],  # noqa: UP037, UP045  # the same
            both: typing.Tuple[int, ...],  # noqa: UP006  # the same
        ) -> typing.Union[None, int]:  # noqa: UP007, RUF036  # the same
            return None

    assert served(MySpelled) == ["a/Spelled.f"]


@pytest.mark.parametrize("given", [3, Payload, Contract, None])
def test_only_a_contract_can_be_implemented(given: Any) -> None:
    with pytest.raises(ContractError, match=r"is no contract: a contract is a class as Shop"):
        implements(given)


def test_only_a_class_implements_a_contract_and_no_contract_does() -> None:
    with pytest.raises(ContractError, match=r"stands on a class, got int"):
        implements(Shop)(3)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ContractError, match=r"Shop is a contract itself"):
        implements(Shop)(Shop)


def test_a_method_of_a_subclass_is_compared_when_that_is_served() -> None:
    @implements(Shop)
    class MyShop:
        def create_order(self, order: Order) -> Receipt:
            return Receipt(1)

        def cancel(self, order: Order, why: str) -> None: ...

    class Worse(MyShop):
        def cancel(self, order: Order) -> None: ...  # type: ignore[override]  # what is tested

    with pytest.raises(ContractError, match=r"Worse does not implement Shop: cancel does not take why"):
        served(Worse)


# ---- clients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", [3, None, Collector, "a"])
def test_what_makes_no_calls_is_refused_with_what_may_be_given(caller: Any) -> None:
    with pytest.raises(
        TypeError, match=r"caller must be a Collector, a CallContext or a MeshClient, or .*; got "
    ):
        Shop.client(caller)


def test_an_option_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(
        TypeError, match=r"tiemout is no option of a call: there are hints, idempotent, key, metadata, target"
    ):
        Shop.client(FakeCalls(), tiemout=3)  # type: ignore[call-overload]  # what is tested


def test_a_method_that_there_is_not_is_named_with_those_that_there_are() -> None:
    client: Any = Shop.client(FakeCalls())

    with pytest.raises(
        AttributeError, match=r"Shop has no method 'creat_order': there are create_order, cancel"
    ):
        client.creat_order(Order("a"))


class Typed(Contract, namespace="a"):
    async def f(self, count: int, **options: Unpack[CallOptions]) -> int: ...  # type: ignore[empty-body]


def test_options_go_with_the_call_and_arguments_into_its_request() -> None:
    calls = FakeCalls()
    typed = Typed.client(calls, timeout=9, hints={"a": "b"})

    asyncio.run(_ignored(typed.f(3, timeout=2, target="x")))
    asyncio.run(_ignored(typed.with_options(idempotent=True).f(count=3)))

    one, other = calls.made
    assert one.method == other.method == "a/Typed/f"
    assert one.request == other.request
    assert one.options == {"timeout": 2.0, "target": "x", "hints": {"a": "b"}}
    assert other.options == {"timeout": 9.0, "hints": {"a": "b"}, "idempotent": True}


async def _ignored(call: Any) -> None:
    with pytest.raises(Exception, match=r"no answer for"):
        await call
