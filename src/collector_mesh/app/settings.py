"""What can be tuned, with its defaults and what is allowed."""

import math
from collections.abc import Callable
from typing import Any

import attrs


class SettingsError(ValueError):
    """A setting is not what it may be; the text names it and what is allowed."""


_Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _number(low: float, high: float, unit: str) -> _Check:
    def check(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        wanted = (int, float) if attribute.type is float else (int,)
        if isinstance(value, bool) or not isinstance(value, wanted) or not low <= value <= high:
            kind = "a number" if attribute.type is float else "a whole number"
            upper = "" if math.isinf(high) else f" to {high:g}"
            raise SettingsError(
                f"{attribute.name} must be {kind} of {unit} from {low:g}{upper}, got {value!r}"
            )

    return check


def _boolean(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, bool):
        raise SettingsError(f"{attribute.name} must be true or false, got {value!r}")


@attrs.frozen(kw_only=True)
class Settings:
    """What can be tuned in a collector.

    Attributes:
        default_timeout: seconds for a call that says nothing about its time.
        max_payload_bytes: largest request and largest result.
        max_running: handlers that run at once; more are shed with 429.
        max_outgoing: calls under way out of a collector at once, local ones included.
        max_threads: plain handlers that run at once.
        max_attempts: collectors that are tried for one call.
        drain_timeout: seconds that running calls get to finish when the collector ends.
        max_links: links of a collector, those of clients included.
        heartbeat_interval: seconds of silence after which a link says something; a peer that is not heard
            of for 3.2 times as long is dead.
        link_queue_bytes: what may wait to be sent to one peer; beyond it calls to it are refused.
        refresh_interval: seconds between two Connects to a peer without links that is kept up.
        peer_expiry: seconds after which a peer that has connected by itself, and was not heard of, is
            forgotten.
        reconnect_first: longest pause before the first new dial of a lost peer, in seconds.
        reconnect_cap: longest pause between two dials, in seconds.
        keepalive_interval: seconds between two pings on an idle gRPC connection.
        expose_handler_errors: whether a caller sees the text of a handler's exception, or a
            correlation id for the log.
    """

    default_timeout: float = attrs.field(default=15.0, validator=_number(0.001, math.inf, "seconds"))
    max_payload_bytes: int = attrs.field(default=4 * 1024 * 1024, validator=_number(1, 1 << 30, "bytes"))
    max_running: int = attrs.field(default=256, validator=_number(1, 1 << 20, "calls"))
    max_outgoing: int = attrs.field(default=4096, validator=_number(1, 1 << 20, "calls"))
    max_threads: int = attrs.field(default=32, validator=_number(1, 1024, "threads"))
    max_attempts: int = attrs.field(default=3, validator=_number(1, 100, "attempts"))
    drain_timeout: float = attrs.field(default=25.0, validator=_number(0, 3600, "seconds"))
    max_links: int = attrs.field(default=1024, validator=_number(1, 1 << 16, "links"))
    heartbeat_interval: float = attrs.field(default=5.0, validator=_number(0.05, 600, "seconds"))
    link_queue_bytes: int = attrs.field(default=16 << 20, validator=_number(1 << 16, 1 << 30, "bytes"))
    refresh_interval: float = attrs.field(default=20.0, validator=_number(0.05, 3600, "seconds"))
    peer_expiry: float = attrs.field(default=60.0, validator=_number(0.1, 86400, "seconds"))
    reconnect_first: float = attrs.field(default=0.1, validator=_number(0.001, 60, "seconds"))
    reconnect_cap: float = attrs.field(default=2.0, validator=_number(0.001, 3600, "seconds"))
    keepalive_interval: float = attrs.field(default=10.0, validator=_number(2, 3600, "seconds"))
    expose_handler_errors: bool = attrs.field(default=True, validator=_boolean)
