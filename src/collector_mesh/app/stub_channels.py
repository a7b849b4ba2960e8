"""Channels for generated stubs, made from what a user gives."""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.arguments import several
from collector_mesh.domain.model.errors import kind_of
from collector_mesh.domain.model.names import check_name, text_argument
from collector_mesh.domain.ports.call_starter import CallStarter

if TYPE_CHECKING:
    import grpc
    from grpc import aio

    ClientInterceptor = (
        grpc.UnaryUnaryClientInterceptor
        | grpc.UnaryStreamClientInterceptor
        | grpc.StreamUnaryClientInterceptor
        | grpc.StreamStreamClientInterceptor
    )


def channel_to(
    starter: CallStarter, namespace: str, target: str, interceptors: "Iterable[aio.ClientInterceptor]"
) -> "aio.Channel":
    """A channel whose calls somebody makes; grpc is loaded by the first one.

    Raises:
        InvalidCallError: the namespace or the target is malformed.
        TypeError: an argument is of a wrong type; the text names it.
    """
    from collector_mesh.adapters.stubs.channel import Channel

    namespace, target = _checked(namespace, target)
    return Channel(starter, namespace, target, several("interceptors", interceptors))


def sync_channel_to(
    opened: Callable[[], tuple[Bridge, CallStarter]],
    namespace: str,
    target: str,
    interceptors: "Iterable[ClientInterceptor]",
    *,
    awaited: str,
    at_failure: Callable[[], None] | None = None,
) -> "grpc.Channel":
    """The same for threads.

    Args:
        opened: gives the way into the event loop, and who makes calls there.
        namespace: where the methods are.
        target: id of the only collector that may run them, or empty.
        interceptors: of grpc's own kinds; the first is the outermost.
        awaited: what code in an event loop uses in place of this, as errors name it.
        at_failure: called in a thread that has waited for a call which was no success.

    Raises:
        InvalidCallError: the namespace or the target is malformed.
        TypeError: an argument is of a wrong type; the text names it.
    """
    import grpc

    from collector_mesh.adapters.stubs.sync_channel import SyncChannel

    namespace, target = _checked(namespace, target)
    around = several("interceptors", interceptors)
    kinds = (
        grpc.UnaryUnaryClientInterceptor,
        grpc.UnaryStreamClientInterceptor,
        grpc.StreamUnaryClientInterceptor,
        grpc.StreamStreamClientInterceptor,
    )
    for interceptor in around:
        if not isinstance(interceptor, kinds):
            raise TypeError(
                "each of interceptors must be an instance of one of grpc's client interceptors for threads, as"
                f" grpc.UnaryUnaryClientInterceptor, got {kind_of(interceptor)}"
            )
    channel = SyncChannel(namespace, target, opened, _callback_failed, awaited=awaited, at_failure=at_failure)
    return grpc.intercept_channel(channel, *around) if around else channel  # type: ignore[arg-type]  # it looks itself


def _checked(namespace: str, target: str) -> tuple[str, str]:
    namespace, target = text_argument("namespace", namespace), text_argument("target", target)
    check_name("namespace", namespace)
    if target:
        check_name("target", target)
    return namespace, target


def _callback_failed(error: BaseException) -> None:
    log(logging.ERROR, "callback_failed", error=error)
