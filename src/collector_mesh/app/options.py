"""What a collector is made from, checked."""

import os
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import attrs

from collector_mesh.app.arguments import flag_argument
from collector_mesh.app.hooks.shape import (
    check_authorizer,
    check_hook,
    check_observer,
    check_tracer,
    check_transport,
    method_of,
)
from collector_mesh.app.hooks.validation import check_validator
from collector_mesh.app.settings import Settings
from collector_mesh.domain.model import limits
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted
from collector_mesh.domain.model.limits import MAX_WEIGHT
from collector_mesh.domain.model.names import check_name, text_argument

if TYPE_CHECKING:
    from collector_mesh.adapters.grpc.tls import Tls
    from collector_mesh.app.registry.registry import Registry
    from collector_mesh.domain.model.middleware import Middleware
    from collector_mesh.domain.policies.access_rules import AccessRules
    from collector_mesh.domain.ports.authorizer import Authorizer
    from collector_mesh.domain.ports.balancer import Balancer
    from collector_mesh.domain.ports.key_store import KeyStore
    from collector_mesh.domain.ports.observer import Observer
    from collector_mesh.domain.ports.tracer import Tracer
    from collector_mesh.domain.ports.transport import Transport
    from collector_mesh.domain.ports.validator import Validator


def _is_name(_instance: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    check_name(attribute.name, value)


def check_labels(_instance: object, _attribute: object, value: Mapping[str, str]) -> None:
    """See that labels may be told to peers; an attrs validator.

    Raises:
        InvalidCallError: there are too many, or one is malformed.
        TypeError: they are no texts.
    """
    limits.check_labels(value)


def check_weight(_instance: object, _attribute: object, value: object) -> None:
    """See that a weight is one; an attrs validator.

    Raises:
        InvalidCallError: it is no whole number, or out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_WEIGHT:
        raise InvalidCallError(f"weight must be a whole number from 1 to {MAX_WEIGHT}, got {value!r}")


def _are_balancers(_instance: object, _attribute: object, value: "Mapping[str, Balancer]") -> None:
    if not value:
        return
    from collector_mesh.domain.policies.balancing import BALANCERS

    for name, balancer in value.items():
        check_name("balancer", name)
        if name in BALANCERS:
            raise InvalidCallError(f"balancer {name!r} comes with the mesh: give yours another name")
        check_hook(f"balancer {name!r}", balancer, "choose")


def _if_given(check: Callable[[object], None]) -> Callable[[object, object, Any], None]:
    def checked(_instance: object, _attribute: object, value: object) -> None:
        if value is not None:
            check(value)

    return checked


def check_registry_address(name: str, value: object) -> None:
    """See that something is the address of a registry.

    Raises:
        InvalidCallError: it is none.
        TypeError: it is no text.
    """
    address = text_argument(name, value)
    if not address.startswith("unix:") and HostPort.parse(address, field=name).port == 0:
        raise InvalidCallError(f"{name} must have a port from 1 to 65535, got {quoted(address)}")


def _check_register_at(value: object) -> None:
    check_registry_address("register_at", value)


def _is_text(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None:
        text_argument(attribute.name, value)


def _is_flag(_instance: object, attribute: "attrs.Attribute[bool]", value: object) -> None:
    flag_argument(attribute.name, value)


def _check_tls(tls: object) -> None:
    # Loads grpc, as whoever has made a `Tls` has done already.
    from collector_mesh.adapters.grpc.tls import Tls

    if not isinstance(tls, Tls):
        raise TypeError(f"tls must be a collector_mesh.Tls, got {kind_of(tls)}")


def _rules_of(access: object) -> "AccessRules | None":
    if access is None:
        return None
    # Only whoever has rules reads them.
    from collector_mesh.app.access.access import access_rules

    return access_rules(access)


def token_argument(token: object, token_file: object) -> "Callable[[], str] | None":
    """What gives the bearer token that is shown to others; None where none is given.

    Raises:
        InvalidCallError: both are given, or the secret is none.
        TypeError: one is of a wrong type.
    """
    if token is None and token_file is None:
        return None
    from collector_mesh.adapters.runtime.token_source import token_source

    return token_source(token, token_file)


def _check_registry(registry: object) -> None:
    if isinstance(registry, str | PathLike):
        if not os.fspath(registry):
            raise InvalidCallError("registry must be the path of a file, got ''")
        return
    from collector_mesh.app.registry.registry import Registry

    if not isinstance(registry, Registry):
        raise TypeError(
            f"registry must be a collector_mesh.Registry or the path of a file, got {kind_of(registry)}"
        )


def _check_keys(keys: object) -> None:
    if isinstance(keys, str | PathLike):
        if not os.fspath(keys):
            raise InvalidCallError("keys must be the path of a file, got ''")
        return
    for method in ("reserve", "finish", "release"):
        method_of("keys", keys, method)


def settings_argument(settings: Settings | None) -> Settings:
    """The settings that are given, or those by default.

    Raises:
        TypeError: they are something else.
    """
    if settings is None:
        return Settings()
    if not isinstance(settings, Settings):
        raise TypeError(f"settings must be a collector_mesh.Settings, got {kind_of(settings)}")
    return settings


def check_peer_count(name: str, value: object) -> None:
    """Check a number of peers, or `all`.

    Raises:
        TypeError: it is neither.
        InvalidCallError: it is less than 1, or another text.
    """
    if isinstance(value, str):
        if value != "all":
            raise InvalidCallError(f"{name} must be a number of peers or 'all', got {quoted(value)}")
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of peers or 'all', got {kind_of(value)}")
    if value < 1:
        raise InvalidCallError(f"{name} must be at least 1, got {value}")


def _is_middleware(_instance: object, _attribute: object, value: object) -> None:
    if value not in ((), []):
        # Collectors without it do not need what this imports.
        from collector_mesh.domain.model.middleware import check_middleware

        check_middleware(value)


def _are_peers(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None:
        check_peer_count(attribute.name, value)


def _are_metrics(_instance: object, _attribute: object, value: object) -> None:
    if value is not False:
        from collector_mesh.app.metrics.making import check_metrics

        check_metrics(value)


@attrs.frozen(kw_only=True)
class Options:
    """What a collector is made from, beside its services and peers; see `Collector`.

    Raises:
        InvalidCallError: the id is empty or malformed.
        TypeError: something is of a wrong type; the text names it.
    """

    collector_id: str = attrs.field(validator=_is_name)
    listen: str = attrs.field(default="", validator=_is_text)
    advertise: str | None = attrs.field(default=None, validator=_is_text)
    register_at: str | None = attrs.field(default=None, validator=_if_given(_check_register_at))
    validator: "Validator | None" = attrs.field(default=None, validator=_if_given(check_validator))
    access: "AccessRules | None" = attrs.field(default=None, converter=_rules_of)
    token: "Callable[[], str] | None" = attrs.field(default=None, repr=False)
    authorizer: "Authorizer | None" = attrs.field(default=None, validator=_if_given(check_authorizer))
    registry: "Registry | str | PathLike[str] | None" = attrs.field(
        default=None, validator=_if_given(_check_registry)
    )
    transport: "Transport | None" = attrs.field(default=None, validator=_if_given(check_transport))
    tls: "Tls | None" = attrs.field(default=None, validator=_if_given(_check_tls))
    insecure: bool = attrs.field(default=False, validator=_is_flag)
    accept_peers: bool = attrs.field(default=False, validator=_is_flag)
    inspect: bool = attrs.field(default=False, validator=_is_flag)
    reflection: bool = attrs.field(default=False, validator=_is_flag)
    gateway: bool = attrs.field(default=True, validator=_is_flag)
    labels: Mapping[str, str] = attrs.field(factory=dict, validator=check_labels)
    weight: int = attrs.field(default=1, validator=check_weight)
    observer: "Observer | None" = attrs.field(default=None, validator=_if_given(check_observer))
    wait_for_peers: int | Literal["all"] | None = attrs.field(default=None, validator=_are_peers)
    balancers: "Mapping[str, Balancer]" = attrs.field(factory=dict, validator=_are_balancers)
    tracer: "Tracer | None" = attrs.field(default=None, validator=_if_given(check_tracer))
    trace_ids: bool = attrs.field(default=False, validator=_is_flag)
    metrics: bool | str = attrs.field(default=False, validator=_are_metrics)
    keys: "KeyStore | str | PathLike[str] | None" = attrs.field(
        default=None, validator=_if_given(_check_keys)
    )
    middleware: "Sequence[Middleware]" = attrs.field(default=(), validator=_is_middleware)

    def __attrs_post_init__(self) -> None:
        """See that a registry can be reached, and that metrics can be had.

        Raises:
            InvalidCallError: it cannot, or they cannot.
        """
        if self.metrics:
            from collector_mesh.app.metrics.making import check_metrics_place

            check_metrics_place(self.metrics, insecure=self.insecure)
        if self.registry is not None and self.transport is not None:
            raise InvalidCallError("registry needs gRPC: it cannot be there with a transport of your own")
        if self.registry is not None and not self.listen:
            raise InvalidCallError("registry needs an address to listen at: give listen")


@attrs.frozen(kw_only=True)
class ClientOptions:
    """What a client is made from; see `MeshClient`."""

    address: str
    transport: "Transport | None" = attrs.field(default=None, validator=_if_given(check_transport))
    tls: "Tls | None" = attrs.field(default=None, validator=_if_given(_check_tls))
    insecure: bool = attrs.field(default=False, validator=_is_flag)
    tracer: "Tracer | None" = attrs.field(default=None, validator=_if_given(check_tracer))
    trace_ids: bool = attrs.field(default=False, validator=_is_flag)
    token: "Callable[[], str] | None" = attrs.field(default=None, repr=False)


def own_address(collector_id: str, transport: "Transport | None") -> str:
    """Where a collector listens that was not told where: at its id, if its transport has such addresses."""
    if transport is None:
        return ""
    check_transport(transport)
    try:
        transport.check_address(collector_id)
    except Exception:  # noqa: BLE001  # a user's may say no by any of them
        return ""
    return collector_id
