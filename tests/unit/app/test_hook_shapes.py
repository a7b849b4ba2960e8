"""What cannot be a hook is refused when a collector or a client is made."""

import functools
from collections.abc import Awaitable, Coroutine
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from collector_mesh import CallContext, Collector, LoopbackNetwork, MeshClient


class AsyncAuthorizer:
    async def may_use(self, identity: object, namespace: str) -> bool:
        return True


class AsyncServing:
    def may_use(self, identity: object, namespace: str) -> bool:
        return True

    async def may_serve(self, identity: object, collector_id: str, namespace: str) -> bool:
        return True


class Asking:
    """Has methods that would have to be awaited, in ways that `async def` does not show."""

    async def _later(self, *_arguments: object) -> bool:
        return True

    def annotated(self, *_arguments: object) -> Awaitable[bool]:
        return self._later()

    def as_coroutine(self, *_arguments: object) -> Coroutine[Any, Any, bool]:
        return self._later()

    @property
    def partially(self) -> Any:
        return functools.partial(functools.partial(self._later, 1), 2)

    async def __call__(self, *_arguments: object) -> bool:
        return True


def hook(**methods: object) -> Any:
    return SimpleNamespace(**methods)


asking = Asking()
PLAIN_ONES = {"authorizer": "may_use", "observer": "tell"}


@pytest.mark.parametrize(
    ("option", "given", "said"),
    [
        ("authorizer", AsyncAuthorizer(), "authorizer must have a plain method may_use, and that of AsyncAuthorizer is async"),
        ("authorizer", AsyncServing(), "authorizer must have a plain method may_serve, and that of AsyncServing is async"),
        ("authorizer", AsyncAuthorizer, "authorizer must be an object with a method may_use, got the class AsyncAuthorizer"),
        ("authorizer", object(), "authorizer must be an object with a method may_use, got object"),
        ("authorizer", hook(may_use=7), "authorizer must be an object with a method may_use"),
        ("authorizer", lambda *_: True, "authorizer must be an object with a method may_use, got function"),
        *(
            (option, hook(**{method: asked}), f"{option} must have a plain method {method}")
            for option, method in PLAIN_ONES.items()
            for asked in (asking, asking.annotated, asking.as_coroutine, asking.partially)
        ),
        ("observer", object(), "observer must be an object with a method tell, got object"),
        ("observer", print, "observer must be an object with a method tell"),
        ("transport", object(), "transport must have the methods open, is_local, check_address, listen, dial: object lacks open"),
        ("transport", LoopbackNetwork, "transport must be an object, got the class LoopbackNetwork"),
        ("transport", hook(open=print, dial=print, listen=print, check_address=print), "lacks is_local"),
        ("balancers", {"mine": hook(choose=asking)}, "balancer 'mine' must have a plain method choose"),
        ("balancers", {"mine": object()}, "balancer 'mine' must be an object with a method choose, got object"),
        ("validator", object(), "validator must be an object with a method validate_service_method, got object"),
        ("validator", lambda *_: None, "validator must be an object with a method validate_service_method"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_hook_is_a_type_error_that_names_it(option: str, given: Any, said: str) -> None:
    options = {"transport": LoopbackNetwork(), option: given}

    with pytest.raises(TypeError, match=said):
        Collector("a", **options)


@pytest.mark.parametrize("transport", [object(), LoopbackNetwork])
def test_a_client_takes_no_such_transport_either(transport: Any) -> None:
    with pytest.raises(TypeError, match="transport must "):
        MeshClient("a", transport=transport)


def three(namespace: str, service_name: str, method_name: str) -> None: ...
async def three_later(namespace: str, service_name: str, method_name: str) -> None: ...
def four(namespace: str, service_name: str, method_name: str, context: CallContext) -> None: ...
def any_number(*names: str) -> None: ...
def with_default(
    namespace: str, service_name: str, method_name: str, strict: bool = True
) -> None: ...  # a user's
def two(namespace: str, service_name: str) -> None: ...
def five(namespace: str, service_name: str, method_name: str, context: object, more: object) -> None: ...
def keyword(namespace: str, service_name: str, method_name: str, *, context: object) -> None: ...
def none() -> None: ...


@pytest.mark.parametrize("function", [three, three_later, four, any_number, with_default, Mock()])
def test_what_can_be_called_with_the_names_is_a_validator(function: Any) -> None:
    collector = Collector("a", transport=LoopbackNetwork(), validator=hook(validate_service_method=function))
    collector.set_validator(hook(validate_service_method=function))


SAID = r"takes \(namespace, service_name, method_name\), or these and the context"


@pytest.mark.parametrize("function", [two, five, keyword, none])
def test_what_cannot_be_called_with_the_names_is_no_validator(function: Any) -> None:
    validator: Any = hook(validate_service_method=function)

    with pytest.raises(TypeError, match=SAID):
        Collector("a", transport=LoopbackNetwork(), validator=validator)
    with pytest.raises(TypeError, match=SAID):
        Collector("a", transport=LoopbackNetwork()).set_validator(validator)
