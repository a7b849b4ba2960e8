"""Settings, their defaults and what is allowed."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from collector_mesh.adapters.dns.target import server_of
from collector_mesh.domain.model.call import check_metadata_key
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.policies.balancing import DEFAULT_BALANCING
from collector_mesh.domain.policies.trust import TrustDomain


class SettingsError(ValueError):
    """A setting has a wrong value; the text names it and what is allowed."""


_Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _number(low: float, high: float, unit: str) -> _Check:
    def check(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        wanted = (int, float) if attribute.type is float else (int,)
        if isinstance(value, bool) or not isinstance(value, wanted) or not low <= value <= high:
            kind = "a number" if attribute.type is float else "a whole number"
            kind = "a share" if (low, high) == (0, 1) else kind
            upper = "" if math.isinf(high) else f" to {high:.15g}"
            raise SettingsError(
                f"{attribute.name} must be {kind} of {unit} from {low:g}{upper}, got {value!r}"
            )

    return check


def _balancing(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{attribute.name} must be the name of a strategy, got {value!r}")


def _maybe_boolean(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None and not isinstance(value, bool):
        raise SettingsError(f"{attribute.name} must be true, false, or left out, got {value!r}")


def _trust_domain(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, str):
        raise SettingsError(f"{attribute.name} must be a domain name, got {value!r}")
    if value:
        try:
            TrustDomain(value)
        except InvalidCallError as error:
            raise SettingsError(str(error)) from error


def _namespace(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, str):
        raise SettingsError(f"{attribute.name} must be the name of a namespace, got {value!r}")
    if value:
        try:
            check_name(attribute.name, value)
        except InvalidCallError as error:
            raise SettingsError(str(error)) from error


def _boolean(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, bool):
        raise SettingsError(f"{attribute.name} must be true or false, got {value!r}")


def _as_tuple(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _metadata_keys(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, tuple) or not all(isinstance(key, str) for key in value):
        raise SettingsError(f"{attribute.name} must be a list of metadata keys, got {value!r}")
    for key in value:
        try:
            check_metadata_key(key)
        except InvalidCallError as error:
            raise SettingsError(f"{attribute.name} must be metadata keys: {error}") from error


def _servers(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, tuple) or not all(isinstance(server, str) for server in value):
        raise SettingsError(f"{attribute.name} must be a list of IP or IP:PORT, got {value!r}")
    for server in value:
        try:
            server_of(server)
        except ValueError as error:
            raise SettingsError(
                f"{attribute.name} must be a list of IP or IP:PORT, got {server!r}"
            ) from error


@attrs.frozen(kw_only=True)
class Settings:
    """The values of a collector to tune.

    Attributes:
        default_timeout: seconds for a call without a timeout.
        max_payload_bytes: largest request and largest result.
        max_running: handlers that run at once; more are shed with 429. In an override, those of a namespace.
        max_outgoing: calls under way out of a collector at once, local ones included. In an override, those of
            a namespace.
        gateway_namespace: the namespace of calls through the gateway that name none and whose method nobody is known to have in
            a namespace that the caller may use; by default such a call is refused.
        max_threads: plain handlers that run at once; those that wait for a call of their own are not counted.
        max_waiting: calls of plain handlers that wait for one of these threads, within their time; more are shed with
            429.
        forward_metadata: keys of the metadata that calls made in a handler take over from the handler's own call.
        balancing: name of the strategy that chooses among peers: `peak-ewma`, `round-robin`, `random`,
            `least-in-flight`, `weighted`, `hash`, `zone`, or one of your own.
        latency_decay: seconds in which a peak of a peer's latency falls to a third.
        failure_penalty: what a failure adds to a peer's latency, in seconds.
        failure_decay: seconds in which that falls to a third.
        max_attempts: collectors that are tried for one call.
        retry_first: half of the longest pause before the second retry, in seconds; the first goes to another peer at once.
        retry_cap: longest pause before a retry, in seconds.
        retry_share: retries that a peer's failures may cause in a namespace, for each of its recent calls.
        retry_rate: further retries a second, whatever the calls.
        retry_window: seconds within which calls are recent, and retries count.
        attempt_floor: least time of an attempt at an idempotent call that another collector could take over, in seconds.
        attempt_share: largest share of the time left that such an attempt gets.
        attempt_p99s: most that it gets, as a multiple of what 99 of 100 calls of the method take.
        breaker: whether peers that fail get no calls for a while.
        breaker_failures: number of failures in a row that open a breaker.
        breaker_quiet: least time without a success before they do, in seconds.
        breaker_success_share: share of successes below which a breaker opens too.
        breaker_min_calls: least number of calls for which that share counts.
        breaker_window: seconds over which it is counted.
        breaker_first: seconds that it is open the first time; each next time doubles them.
        breaker_cap: longest time that it is open, in seconds.
        max_ejected: the share of candidates that breakers may keep out; beyond that they are ignored.
        relay: whether calls of peers that cannot be served here are passed on to peers that can.
        expose_routes: whether a 404 or a 503 tells callers from outside why no collector could take the call; by
            default on loopback listeners only.
        drain_timeout: seconds that running calls get to finish when the collector ends.
        lifespan_open_timeout: seconds that the lifespan of a service may take to open. The default is that of hypercorn, a server
            for the same kind of lifespans.
        lifespan_close_timeout: seconds that the lifespan of a service may take to close. With `drain_timeout` the default
            makes the 30 s that Kubernetes gives.
        max_links: links of a collector, those of clients included.
        max_held_bytes: memory that links, and requests without a link, hold for others together; over it the link that holds
            most ends, and such requests get 429.
        heartbeat_interval: seconds of silence after which a link sends a ping; a peer that is silent
            for 3.2 times as long is dead.
        link_queue_bytes: bytes that may wait to be sent to one peer; beyond that, calls to it are refused.
        recover_seconds: seconds for which calls whose link was lost wait to hear, over another one, what became of them, and for
            which handlers of such calls go on; 0 if neither is to be.
        refresh_interval: seconds between two checks that a peer without links is there.
        peer_expiry: seconds of silence after which a peer without links is forgotten, or, if this side dials it,
            lost and dialed again.
        trust_domain: the domain in which names of certificates stand for collectors, `spiffe://DOMAIN/collector/ID` and
            `ID.DOMAIN`; left out, with mutual TLS that of the collector's own certificate.
        dial_timeout: seconds that one attempt to connect may take; the answer may take as long again.
        dns_servers: addresses of the name servers for `dns:` names, `IP` or `IP:PORT`; by default those of the system.
        wait_for_peer: seconds that a call waits, within its own time, for a peer that is being dialed and may have the
            method; 0 if it is to fail at once.
        reconnect_first: longest pause before the first new dial of a lost peer, in seconds.
        reconnect_cap: longest pause between two dials, in seconds.
        keepalive_interval: seconds between two pings on an idle gRPC connection.
        expose_handler_errors: whether a caller sees the text of a handler's exception, or a
            correlation id for the log.
        key_grace: how long the handler of a call with an idempotency key may go on after the deadline of the call that began it, in
            seconds: a repeat gets its reply then.
        key_seconds: how long the reply to a call with an idempotency key is kept, in seconds.
        max_keys: idempotency keys that are kept at a time; further calls with a new one are shed with 429.
        max_key_bytes: memory that they and their replies may take, in bytes, when such a call is to begin.
        report_interval: seconds between two reports of the counts to the observer.
        trace_sample: share of the calls that begin a trace here of which spans are recorded; what has been decided
            elsewhere stays.
        access_log: share of the calls that the observer is told of when they have ended, as the access log; 0 for none.
        access_log_errors: whether it is told of calls that end with 429 or with 500 and above in any case.
        overrides: other values for some keys, by `NAMESPACE`, `NAMESPACE/Service` or
            `NAMESPACE/Service.Method`; the narrowest one counts. See `collector_mesh.app.overrides`.
    """

    default_timeout: float = attrs.field(default=15.0, validator=_number(0.001, math.inf, "seconds"))
    max_payload_bytes: int = attrs.field(default=4 * 1024 * 1024, validator=_number(1, 1 << 30, "bytes"))
    max_running: int = attrs.field(default=256, validator=_number(1, 1 << 20, "calls"))
    max_outgoing: int = attrs.field(default=4096, validator=_number(1, 1 << 20, "calls"))
    gateway_namespace: str = attrs.field(default="", validator=_namespace)
    max_threads: int = attrs.field(default=32, validator=_number(1, 1024, "threads"))
    max_waiting: int = attrs.field(default=256, validator=_number(0, 1 << 16, "calls"))
    forward_metadata: tuple[str, ...] = attrs.field(default=(), converter=_as_tuple, validator=_metadata_keys)
    balancing: str = attrs.field(default=DEFAULT_BALANCING, validator=_balancing)
    latency_decay: float = attrs.field(default=10.0, validator=_number(0.01, 3600, "seconds"))
    failure_penalty: float = attrs.field(default=5.0, validator=_number(0, 3600, "seconds"))
    failure_decay: float = attrs.field(default=1.0, validator=_number(0.01, 60, "seconds"))
    max_attempts: int = attrs.field(default=3, validator=_number(1, 100, "attempts"))
    retry_first: float = attrs.field(default=0.05, validator=_number(0.001, 60, "seconds"))
    retry_cap: float = attrs.field(default=1.0, validator=_number(0.001, 60, "seconds"))
    retry_share: float = attrs.field(default=0.2, validator=_number(0, 10, "retries a call"))
    retry_rate: float = attrs.field(default=10.0, validator=_number(0, 1_000_000, "retries a second"))
    retry_window: int = attrs.field(default=10, validator=_number(1, 30, "seconds"))
    attempt_floor: float = attrs.field(default=0.1, validator=_number(0.001, 3600, "seconds"))
    attempt_share: float = attrs.field(default=0.5, validator=_number(0.01, 1, "what is left"))
    attempt_p99s: float = attrs.field(default=5.0, validator=_number(1, 1000, "p99s"))
    breaker: bool = attrs.field(default=True, validator=_boolean)
    breaker_failures: int = attrs.field(default=5, validator=_number(1, 1_000_000, "failures"))
    breaker_quiet: float = attrs.field(default=0.25, validator=_number(0, 60, "seconds"))
    breaker_success_share: float = attrs.field(default=0.8, validator=_number(0, 1, "all calls"))
    breaker_min_calls: int = attrs.field(default=20, validator=_number(1, 1_000_000, "calls"))
    breaker_window: int = attrs.field(default=30, validator=_number(1, 30, "seconds"))
    breaker_first: float = attrs.field(default=1.0, validator=_number(0.01, 3600, "seconds"))
    breaker_cap: float = attrs.field(default=60.0, validator=_number(0.01, 3600, "seconds"))
    max_ejected: float = attrs.field(default=0.5, validator=_number(0, 1, "the candidates"))
    relay: bool = attrs.field(default=False, validator=_boolean)
    expose_routes: bool | None = attrs.field(default=None, validator=_maybe_boolean)
    drain_timeout: float = attrs.field(default=25.0, validator=_number(0, 3600, "seconds"))
    lifespan_open_timeout: float = attrs.field(default=60.0, validator=_number(0.001, 3600, "seconds"))
    lifespan_close_timeout: float = attrs.field(default=5.0, validator=_number(0, 3600, "seconds"))
    max_links: int = attrs.field(default=1024, validator=_number(1, 1 << 16, "links"))
    max_held_bytes: int = attrs.field(default=256 << 20, validator=_number(1 << 20, 1 << 40, "bytes"))
    heartbeat_interval: float = attrs.field(default=5.0, validator=_number(0.05, 600, "seconds"))
    link_queue_bytes: int = attrs.field(default=16 << 20, validator=_number(1 << 16, 1 << 30, "bytes"))
    recover_seconds: float = attrs.field(default=2.0, validator=_number(0, 60, "seconds"))
    refresh_interval: float = attrs.field(default=20.0, validator=_number(0.05, 3600, "seconds"))
    peer_expiry: float = attrs.field(default=60.0, validator=_number(0.1, 86400, "seconds"))
    trust_domain: str = attrs.field(default="", validator=_trust_domain)
    dial_timeout: float = attrs.field(default=5.0, validator=_number(0.1, 3600, "seconds"))
    dns_servers: tuple[str, ...] = attrs.field(default=(), converter=_as_tuple, validator=_servers)
    wait_for_peer: float = attrs.field(default=5.0, validator=_number(0, 3600, "seconds"))
    reconnect_first: float = attrs.field(default=0.1, validator=_number(0.001, 60, "seconds"))
    reconnect_cap: float = attrs.field(default=2.0, validator=_number(0.001, 3600, "seconds"))
    keepalive_interval: float = attrs.field(default=10.0, validator=_number(2, 3600, "seconds"))
    expose_handler_errors: bool = attrs.field(default=True, validator=_boolean)
    key_grace: float = attrs.field(default=15.0, validator=_number(0, 3600, "seconds"))
    key_seconds: float = attrs.field(default=600.0, validator=_number(0.1, 31_536_000, "seconds"))
    max_keys: int = attrs.field(default=100_000, validator=_number(1, 1 << 30, "keys"))
    max_key_bytes: int = attrs.field(default=64 << 20, validator=_number(1 << 10, 1 << 40, "bytes"))
    report_interval: float = attrs.field(default=10.0, validator=_number(0.1, 86400, "seconds"))
    trace_sample: float = attrs.field(default=0.01, validator=_number(0, 1, "calls"))
    access_log: float = attrs.field(default=0.0, validator=_number(0, 1, "calls"))
    access_log_errors: bool = attrs.field(default=False, validator=_boolean)
    overrides: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
