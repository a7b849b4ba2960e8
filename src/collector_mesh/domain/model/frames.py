"""What two ends of a link say to each other: frames, which hold calls and replies as columns.

One tuple for each field, because a frame carries up to 128 calls and replies: so each side touches its
encoding once per field and frame. Names are sent once and are numbers from then on.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

import attrs

from collector_mesh.domain.model.call import NO_HINTS
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import NO_LABELS, MethodInfo
from collector_mesh.domain.model.status import OK, Metadata, Status

PROTOCOL_VERSION = 1
"""Version of the link protocol; an end that knows a later one speaks this one with us."""

NO_LIMIT = (1 << 32) - 1
"""Stands for a call without a deadline where its remaining milliseconds are told."""


class Role(IntEnum):
    """What the side that has dialed is."""

    COLLECTOR = 0
    CLIENT = 1


class Mode(IntEnum):
    """What is wanted of a call."""

    SERVE = 0
    """Run it here and nowhere else."""

    DISPATCH = 1
    """Find somebody who runs it."""


@attrs.frozen
class Catalog:
    """What a collector is a member of, and what it serves.

    Attributes:
        namespaces: its namespaces.
        methods: its methods, with their flags.
        more: whether the rest follows as changes.
        unread: further methods, which are read when they are asked for: to read very many takes long.
        memo: what was found out about it, so that it need not be found out again for each link.
    """

    namespaces: tuple[str, ...] = ()
    methods: tuple[MethodInfo, ...] = ()
    more: bool = False
    unread: tuple[Callable[[], tuple[MethodInfo, ...]], ...] = attrs.field(default=(), eq=False, repr=False)
    memo: dict[str, Any] = attrs.field(factory=dict, init=False, eq=False, repr=False)


@attrs.frozen
class CatalogChange:
    """What is different in a catalog, or a further piece of one.

    Attributes:
        namespaces: new ones.
        removed_namespaces: those that it is no member of anymore.
        methods: new ones, or such with other flags than before.
        removed_methods: those that it does not serve anymore.
        more: whether further pieces follow.
    """

    namespaces: tuple[str, ...] = ()
    removed_namespaces: tuple[str, ...] = ()
    methods: tuple[MethodInfo, ...] = ()
    removed_methods: tuple[MethodKey, ...] = ()
    more: bool = False


@attrs.frozen
class Limits:
    """What one end takes.

    Attributes:
        max_payload_bytes: largest payload of a call or a reply.
        window: frames with calls, replies or chunks that may wait to be taken.
        takes_pieces: whether catalogs and news of others may come in pieces; earlier versions do not say so.
        remembers: by what this end is asked, where this link is lost, for what became of the calls over it; a secret.
            Empty where it cannot be asked, as of earlier versions.
    """

    max_payload_bytes: int
    window: int
    takes_pieces: bool = False
    remembers: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class Introduction:
    """Who is at one end.

    Attributes:
        collector_id: its id; of a client a name of its own choice.
        address: where it can be dialed, empty if nowhere.
        incarnation: another one for each start of the process.
        catalog: what it is a member of and serves.
        labels: what it says of itself, for routing.
        weight: its share of calls, beside others.
        limits: what it takes.
        key_store: which store it keeps the replies to idempotency keys in: one of its own, for this start alone, or one that
            it shares; empty where it keeps none, as earlier versions do.
    """

    collector_id: str
    address: str = ""
    incarnation: str = ""
    catalog: Catalog = attrs.field(factory=Catalog)
    labels: Mapping[str, str] = NO_LABELS
    weight: int = 1
    limits: Limits = Limits(4 << 20, 4)
    key_store: str = ""


@attrs.frozen
class Hello:
    """The first thing that is said on a link, by the side that has dialed.

    Attributes:
        introduction: of the dialer.
        role: what it is; a role of a later version is a plain number.
        dial: counts the links that it has opened.
        version: of the protocol.
    """

    introduction: Introduction
    role: int = Role.COLLECTOR
    dial: int = 0
    version: int = PROTOCOL_VERSION


@attrs.frozen
class Greeting:
    """The answer to a hello.

    Attributes:
        status: 200, or why there is no link.
        introduction: who answers; there is one whatever the status.
        connection_id: unique for this link.
        shared_namespaces: those of both, in the order of the hello.
        version: of the protocol.
    """

    status: Status
    introduction: Introduction
    connection_id: str = ""
    shared_namespaces: tuple[str, ...] = ()
    version: int = PROTOCOL_VERSION


@attrs.frozen
class Heartbeat:
    """A sign of life.

    Attributes:
        number: a pong has the number of its ping.
        lag: how late the sender's loop has been since its last one, in seconds.
        dial: of a ping: whether the receiver has dialed with this number and waits for the answer; 0 asks nothing.
        is_own_dial: of a pong, the answer to that; None if nothing was asked, or by an earlier version.
    """

    number: int
    lag: float = 0.0
    dial: int = 0
    is_own_dial: bool | None = None


@attrs.frozen
class Goodbye:
    """The last thing that is said on a link.

    Attributes:
        code: HTTP-like, why.
        reason: the same for people.
        is_clean: all calls that were received have been answered, so that what has no answer was not run.
    """

    code: int
    reason: str
    is_clean: bool = False


@attrs.frozen
class Asked:
    """What has become of calls over an earlier link, which was lost? They are calls of this link from now on.

    Attributes:
        link: what the receiver has called that link; see `Limits.remembers`.
        first: number of the first of them on this link; the others follow.
        numbers: their numbers on the lost link, ascending.
    """

    link: str = attrs.field(repr=False)
    first: int
    numbers: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Control:
    """What is said of the link itself; it needs no room in the window.

    Attributes:
        hello: of the dialer.
        greeting: the answer to that.
        catalog: what the sender is a member of and serves now.
        ping: asks for a pong.
        pong: the answer to a ping.
        draining: the sender takes no new calls.
        draining_seen: the other side's draining was heard.
        goodbye: nothing comes after it.
        reach: who can be reached through the sender; one that `adds` is told apart on the wire.
        catalog_change: what is different in that.
        renew: whoever has dialed should dial again, as the sender shows another certificate now.
        asked: what has become of calls over an earlier link.
    """

    hello: Hello | None = None
    greeting: Greeting | None = None
    catalog: Catalog | None = None
    ping: Heartbeat | None = None
    pong: Heartbeat | None = None
    draining: bool = False
    draining_seen: bool = False
    goodbye: Goodbye | None = None
    reach: tuple[Reach, ...] = ()
    catalog_change: CatalogChange | None = None
    renew: bool = False
    asked: Asked | None = None


@attrs.frozen
class CallExtra:
    """What few calls have; `index` says which call of the frame."""

    index: int
    target: str = ""
    hints: Mapping[str, str] = NO_HINTS
    hops: int = 0
    visited: tuple[str, ...] = ()
    metadata: Metadata = ()
    idempotent: bool | None = None
    size: int = 0
    tracestate: bytes = b""
    idempotency_key: str = attrs.field(default="", repr=False)


@attrs.frozen
class ReplyExtra:
    """What few replies have; `index` says which reply of the frame."""

    index: int
    status: Status = OK
    executed: Executed = Executed.YES
    metadata: Metadata = ()
    size: int = 0
    tried: tuple[str, ...] = ()
    initial_metadata: Metadata = ()


@attrs.frozen
class Calls:
    """The calls of a frame, numbered from `first` on.

    Attributes:
        first: number of the first one.
        methods: numbers of their methods.
        types: numbers of the type URLs of their payloads.
        values: their payloads; empty where one comes in chunks.
        remaining: milliseconds that each has left, `NO_LIMIT` for no limit.
        modes: see `Mode`; empty where all are SERVE.
        extras: what few of them have.
        traces: the trace contexts of all of them, 25 bytes for each, zeros where there is none; empty where none has one.
    """

    first: int
    methods: tuple[int, ...]
    types: tuple[int, ...]
    values: tuple[bytes, ...]
    remaining: tuple[int, ...]
    modes: tuple[int, ...] = ()
    extras: tuple[CallExtra, ...] = ()
    traces: bytes = b""


@attrs.frozen
class Replies:
    """The replies of a frame.

    Attributes:
        numbers: which calls they answer.
        types: numbers of the type URLs of their payloads.
        values: their payloads; empty where one comes in chunks.
        executors: numbers of the collectors whose handlers ran, 0 for the sender; empty where all are 0.
        extras: what few of them have; one without is 200 and its handler ran.
    """

    numbers: tuple[int, ...]
    types: tuple[int, ...]
    values: tuple[bytes, ...]
    executors: tuple[int, ...] = ()
    extras: tuple[ReplyExtra, ...] = ()


@attrs.frozen
class Chunk:
    """A piece of a large payload.

    Attributes:
        number: of the call that it belongs to.
        of_reply: whether it belongs to the reply.
        value: the bytes.
    """

    number: int
    of_reply: bool
    value: bytes


@attrs.frozen
class Frame:
    """What is written at once.

    Attributes:
        credit: how many frames with calls, replies or chunks the sender has taken so far; each one taken
            gives the other side room for another one.
        control: what is said of the link itself.
        forgets_names: whether all names are forgotten before those of this frame are learned.
        methods: new method names, numbered on from those before, from 0.
        texts: new type URLs and collector ids, numbered on from those before, from 1.
        calls: calls.
        replies: replies.
        cancels: numbers of calls that nobody waits for anymore.
        chunks: pieces of large payloads.
        size: as it came over a wire, in bytes; 0 where there is none.
    """

    credit: int = 0
    control: Control | None = None
    forgets_names: bool = False
    methods: tuple[MethodKey, ...] = ()
    texts: tuple[str, ...] = ()
    calls: Calls | None = None
    replies: Replies | None = None
    cancels: tuple[int, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    size: int = attrs.field(default=0, eq=False, repr=False)

    @property
    def takes_room(self) -> bool:
        """Whether it counts in the window."""
        return self.calls is not None or self.replies is not None or bool(self.chunks)
