"""What is said of a link itself, to and from `collector_mesh.link.v1`."""

from collections.abc import Mapping, Sequence
from functools import partial

from collector_mesh.adapters.wire.generated import link_pb2 as pb
from collector_mesh.domain.model.errors import NO_DETAILS, clipped
from collector_mesh.domain.model.frames import (
    Asked,
    Catalog,
    CatalogChange,
    Control,
    Goodbye,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Limits,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import NO_LABELS, MethodInfo
from collector_mesh.domain.model.status import Status

_DEFAULT_LIMITS = Limits(4 << 20, 4)
"""Of an end that does not tell its own."""

_DIAL_ANSWERS = {None: 0, True: 1, False: 2}
_READ_DIAL_ANSWERS = {number: answer for answer, number in _DIAL_ANSWERS.items()}

READ_AT_ONCE = 4096
"""Methods of a catalog."""


def write_method(key: MethodKey) -> pb.Method:
    """The names of a method."""
    return pb.Method(namespace=key.namespace, service=key.service, method=key.method)


def read_method(method: pb.Method) -> MethodKey:
    """The names of a method; nobody has checked them."""
    return MethodKey(method.namespace, method.service, method.method)


def read_map(found: Mapping[str, str], nothing: Mapping[str, str]) -> Mapping[str, str]:
    """A map, or what stands for none."""
    return dict(found) if found else nothing


def write_control(message: pb.Control, control: Control) -> None:
    """Put all that is said into a message."""
    message.SetInParent()
    message.draining = control.draining
    message.draining_seen = control.draining_seen
    message.renew = control.renew
    if (hello := control.hello) is not None:
        message.hello.CopyFrom(
            pb.Hello(
                version=hello.version,
                role=hello.role,
                introduction=_introduction(hello.introduction),
                dial=hello.dial,
            )
        )
    if (greeting := control.greeting) is not None:
        message.welcome.CopyFrom(
            pb.Welcome(
                version=greeting.version,
                code=greeting.status.code,
                message=greeting.status.message,
                details=greeting.status.details,
                connection_id=greeting.connection_id,
                shared_namespaces=greeting.shared_namespaces,
                introduction=_introduction(greeting.introduction),
            )
        )
    if control.catalog is not None:
        message.catalog.CopyFrom(_catalog(control.catalog))
    if (ping := control.ping) is not None:
        message.ping.CopyFrom(_heartbeat(ping))
    if (pong := control.pong) is not None:
        message.pong.CopyFrom(_heartbeat(pong))
    if (goodbye := control.goodbye) is not None:
        message.goodbye.CopyFrom(
            pb.Goodbye(code=goodbye.code, reason=goodbye.reason, is_clean=goodbye.is_clean)
        )
    for reach in control.reach:
        (message.reach_more if reach.adds else message.reach).append(_reach(reach))
    if control.catalog_change is not None:
        message.catalog_change.CopyFrom(_change(control.catalog_change))
    if (asked := control.asked) is not None:
        message.asked.CopyFrom(pb.Asked(link=asked.link, first=asked.first, numbers=asked.numbers))


def read_control(message: pb.Control) -> Control:
    """All that is said in a message."""
    hello = greeting = goodbye = None
    if message.HasField("hello"):
        found = message.hello
        hello = Hello(_read_introduction(found.introduction), found.role, found.dial, found.version)
    if message.HasField("welcome"):
        welcome = message.welcome
        greeting = Greeting(
            Status(welcome.code, clipped(welcome.message), read_map(welcome.details, NO_DETAILS)),
            _read_introduction(welcome.introduction),
            welcome.connection_id,
            tuple(welcome.shared_namespaces),
            welcome.version,
        )
    if message.HasField("goodbye"):
        bye = message.goodbye
        goodbye = Goodbye(bye.code, clipped(bye.reason), bye.is_clean)
    return Control(
        hello=hello,
        greeting=greeting,
        catalog=_read_catalog(message.catalog) if message.HasField("catalog") else None,
        ping=_read_heartbeat(message.ping) if message.HasField("ping") else None,
        pong=_read_heartbeat(message.pong) if message.HasField("pong") else None,
        draining=message.draining,
        draining_seen=message.draining_seen,
        goodbye=goodbye,
        # What is told anew comes first: what adds to it may be in the same frame.
        reach=(
            *map(_read_reach, message.reach),
            *(_read_reach(reach, adds=True) for reach in message.reach_more),
        ),
        catalog_change=_read_change(message.catalog_change) if message.HasField("catalog_change") else None,
        renew=message.renew,
        asked=_read_asked(message.asked) if message.HasField("asked") else None,
    )


def _reach(reach: Reach) -> pb.Reach:
    methods = map(_method_flags, reach.methods)
    return pb.Reach(collector_id=reach.collector_id, path=reach.path, methods=methods, gone=reach.is_gone)


def _read_reach(reach: pb.Reach, *, adds: bool = False) -> Reach:
    methods = tuple(map(_read_method_flags, reach.methods))
    return Reach(reach.collector_id, tuple(reach.path), methods, reach.gone, adds)


def _change(change: CatalogChange) -> pb.CatalogChange:
    return pb.CatalogChange(
        namespaces=change.namespaces,
        removed_namespaces=change.removed_namespaces,
        methods=map(_method_flags, change.methods),
        removed_methods=map(write_method, change.removed_methods),
        more=change.more,
    )


def _read_change(change: pb.CatalogChange) -> CatalogChange:
    return CatalogChange(
        tuple(change.namespaces),
        tuple(change.removed_namespaces),
        tuple(map(_read_method_flags, change.methods)),
        tuple(map(read_method, change.removed_methods)),
        change.more,
    )


def _read_asked(asked: pb.Asked) -> Asked:
    return Asked(asked.link, asked.first, tuple(asked.numbers))


def _heartbeat(heartbeat: Heartbeat) -> pb.Heartbeat:
    return pb.Heartbeat(
        number=heartbeat.number,
        lag=min(round(heartbeat.lag * 1000), (1 << 32) - 1),
        dial=heartbeat.dial,
        dial_answer=_DIAL_ANSWERS[heartbeat.is_own_dial],
    )


def _read_heartbeat(heartbeat: pb.Heartbeat) -> Heartbeat:
    answer = _READ_DIAL_ANSWERS.get(heartbeat.dial_answer)
    return Heartbeat(heartbeat.number, heartbeat.lag / 1000, heartbeat.dial, answer)


def _introduction(who: Introduction) -> pb.Introduction:
    limits = pb.Limits(
        max_payload_bytes=who.limits.max_payload_bytes,
        window=who.limits.window,
        takes_pieces=who.limits.takes_pieces,
        remembers=who.limits.remembers,
    )
    return pb.Introduction(
        collector_id=who.collector_id,
        address=who.address,
        incarnation=who.incarnation,
        catalog=_catalog(who.catalog),
        labels=who.labels,
        weight=who.weight,
        limits=limits,
        key_store=who.key_store,
    )


def _read_introduction(who: pb.Introduction) -> Introduction:
    return Introduction(
        collector_id=who.collector_id,
        address=who.address,
        incarnation=who.incarnation,
        catalog=_read_catalog(who.catalog),
        labels=read_map(who.labels, NO_LABELS),
        weight=who.weight,
        limits=Limits(
            who.limits.max_payload_bytes or _DEFAULT_LIMITS.max_payload_bytes,
            who.limits.window or _DEFAULT_LIMITS.window,
            who.limits.takes_pieces,
            who.limits.remembers,
        ),
        key_store=who.key_store,
    )


def _catalog(catalog: Catalog) -> pb.Catalog:
    return pb.Catalog(
        namespaces=catalog.namespaces, methods=map(_method_flags, catalog.methods), more=catalog.more
    )


def _read_catalog(catalog: pb.Catalog) -> Catalog:
    # Earlier versions tell all of it at once: what is more than this one tells is read by and by.
    methods = catalog.methods
    first = tuple(map(_read_method_flags, methods[:READ_AT_ONCE]))
    unread = tuple(
        partial(_read_some, methods, begin) for begin in range(READ_AT_ONCE, len(methods), READ_AT_ONCE)
    )
    return Catalog(tuple(catalog.namespaces), first, catalog.more, unread)


def _read_some(methods: Sequence[pb.MethodFlags], begin: int) -> tuple[MethodInfo, ...]:
    return tuple(map(_read_method_flags, methods[begin : begin + READ_AT_ONCE]))


def _method_flags(info: MethodInfo) -> pb.MethodFlags:
    return pb.MethodFlags(
        method=write_method(info.key),
        idempotent=info.idempotent,
        kind="" if info.kind == "unary" else info.kind,
    )


def _read_method_flags(flags: pb.MethodFlags) -> MethodInfo:
    return MethodInfo(read_method(flags.method), flags.kind or "unary", flags.idempotent)
