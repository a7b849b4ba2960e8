"""Channels for generated stubs, made from what a user gives."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from collector_mesh.app.arguments import several
from collector_mesh.domain.model.names import check_name, text_argument
from collector_mesh.domain.ports.call_starter import CallStarter

if TYPE_CHECKING:
    from grpc import aio


def channel_to(
    starter: CallStarter, namespace: str, target: str, interceptors: "Iterable[aio.ClientInterceptor]"
) -> "aio.Channel":
    """A channel whose calls somebody makes; grpc is loaded by the first one.

    Raises:
        InvalidCallError: the namespace or the target is malformed.
        TypeError: an argument is of a wrong type; the text names it.
    """
    from collector_mesh.adapters.stubs.channel import Channel

    namespace, target = text_argument("namespace", namespace), text_argument("target", target)
    check_name("namespace", namespace)
    if target:
        check_name("target", target)
    return Channel(starter, namespace, target, several("interceptors", interceptors))
