"""What collectors of earlier versions send: the bytes are kept in `golden`, what they mean is here.

`python -m tests.unit.adapters.wire.recorded VERSION` writes down what the version of now sends, once, when it
is released. What was written down before stays as it is.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
from tests.unit.domain.link.wires import End, Outcome, Wire

from collector_mesh.adapters.wire.connect_layout import ConnectFields, write_original
from collector_mesh.adapters.wire.dispatcher_codec import (
    Incoming,
    encode_connected,
    encode_dispatch,
    encode_dispatched,
    encode_serve,
    encode_served,
)
from collector_mesh.adapters.wire.generated import dispatcher_pb2
from collector_mesh.adapters.wire.link_codec import encode_frame
from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import (
    NO_LIMIT,
    CallExtra,
    Calls,
    Catalog,
    Chunk,
    Control,
    Frame,
    Goodbye,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Limits,
    Mode,
    Replies,
    ReplyExtra,
    Role,
)
from collector_mesh.domain.model.introduction import Welcome
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import OK, Reply, Status

FOLDER = Path(__file__).parent / "golden"

GET = MethodKey("users", "UserService", "GetUser")
PUT = MethodKey("orders", "acme.v1.OrderService", "Put")
_REQUEST = "type.googleapis.com/users.GetUserRequest"
METADATA = (("trace", "00-1"), ("trace", "00-2"), ("key-bin", b"\x00\xff"))
_CATALOG = Catalog(
    ("users", "orders"),
    (MethodInfo(GET, "unary", idempotent=True), MethodInfo(PUT, "server-stream", idempotent=False)),
)
_WHO = Introduction(
    collector_id="collector-1",
    address="127.0.0.1:50051",
    incarnation="0123456789abcdef",
    catalog=_CATALOG,
    labels={"zone": "west", "rack": "7"},
    weight=3,
    limits=Limits(4 << 20, 4),
)

FRAMES: dict[str, Frame] = {
    "hello": Frame(control=Control(hello=Hello(_WHO, Role.COLLECTOR, 3))),
    "hello of a client": Frame(
        control=Control(hello=Hello(Introduction(collector_id="client-1"), Role.CLIENT, 1))
    ),
    "welcome": Frame(
        control=Control(
            greeting=Greeting(Status(200, "Connected with 1 shared namespaces"), _WHO, "c-1", ("users",))
        )
    ),
    "refusal": Frame(
        control=Control(
            greeting=Greeting(Status(409, "collector id 'a' is held", {"retry_after_ms": "100"}), _WHO)
        )
    ),
    "catalog": Frame(5, Control(catalog=_CATALOG)),
    "heartbeats": Frame(6, Control(ping=Heartbeat(7, 0.25), pong=Heartbeat(3))),
    "draining": Frame(6, Control(draining=True)),
    "draining seen": Frame(6, Control(draining_seen=True)),
    "goodbye": Frame(6, Control(goodbye=Goodbye(503, "collector 'a' has ended", is_clean=True))),
    "goodbye at once": Frame(6, Control(goodbye=Goodbye(400, "protocol error: a second hello"))),
    "reach": Frame(
        2,
        Control(
            reach=(
                Reach("d", ("b", "c"), (MethodInfo(GET, "unary", idempotent=True),)),
                Reach("e", is_gone=True),
            )
        ),
    ),
    "credit": Frame(4_000_000_000_000),
    "calls": Frame(
        1,
        methods=(GET, PUT),
        texts=(_REQUEST, "collector-3"),
        calls=Calls(
            7,
            (0, 1, 0, 0, 1),
            (1, 0, 1, 1, 1),
            (b"one", b"", b"three", b"", b"five"),
            (1500, NO_LIMIT, 1, 15_000, 100),
            (0, 1, 0, 0, 1),
            (
                CallExtra(
                    1, "collector-2", {"hash-key": "7", "zone": "west"}, 2, ("a", "b"), METADATA, True, 0
                ),
                CallExtra(2, metadata=METADATA[:1]),
                CallExtra(3, idempotent=False, size=70_000),
            ),
        ),
    ),
    "replies": Frame(
        2,
        texts=("type.googleapis.com/users.User", "collector-3"),
        replies=Replies(
            (7, 8, 9, 300, 11),
            (1, 0, 1, 1, 0),
            (b"user", b"", b"again", b"", b""),
            (0, 2, 2, 0, 0),
            (
                ReplyExtra(
                    1, Status(404, "no such user", {"id": "7"}), Executed.YES, METADATA, 0, ("x", "y")
                ),
                ReplyExtra(3, OK, Executed.YES, (), 70_000),
                ReplyExtra(4, Status(503, "draining"), Executed.NO),
            ),
        ),
    ),
    "a reply that may have run": Frame(
        replies=Replies(
            (12,), (0,), (b"",), (), (ReplyExtra(0, Status(502, "outcome unknown"), Executed.MAYBE),)
        )
    ),
    "names forgotten": Frame(
        3,
        forgets_names=True,
        methods=(PUT,),
        texts=("t",),
        calls=Calls(12, (0,), (1,), (b"anew",), (500,)),
    ),
    "cancels": Frame(3, cancels=(7, 9, 400)),
    "chunks": Frame(3, chunks=(Chunk(10, False, b"piece of a call"), Chunk(300, True, b"piece of a reply"))),
    "all at once": Frame(
        9,
        Control(ping=Heartbeat(8), draining=True, catalog=Catalog(("users",))),
        methods=(GET,),
        texts=(_REQUEST,),
        calls=Calls(13, (0,), (1,), (b"call",), (900,)),
        replies=Replies((5,), (1,), (b"reply",)),
        cancels=(6,),
        chunks=(Chunk(10, False, b"piece"),),
    ),
}

CONNECTS: dict[str, tuple[Callable[[], bytes], ConnectFields]] = {
    "connect": (
        lambda: dispatcher_pb2.ConnectRequest(
            collector_id="collector-1", address="127.0.0.1:50051", namespaces=["users", "orders"]
        ).SerializeToString(),
        ConnectFields("collector-1", "127.0.0.1:50051", ("users", "orders")),
    ),
    "connect as the original": (
        lambda: write_original("collector-1", "127.0.0.1:50051", ("users", "orders")),
        ConnectFields("collector-1", "127.0.0.1:50051", ("users", "orders")),
    ),
    "a probe": (
        lambda: write_original("collector-1", "", ()),
        ConnectFields("collector-1", "", ()),
    ),
}

WELCOMES: dict[str, Welcome] = {
    "connected": Welcome(Status(200, "Connected with 1 shared namespaces"), "c-1", ("users",), "collector-2"),
    "not connected": Welcome(Status(400, "address is required"), collector_id="collector-2"),
}

_CALL = Call(GET, Payload(_REQUEST, b"one"), target="collector-2", hints={"zone": "west"}, idempotent=True)
REQUESTS: dict[str, tuple[Callable[[Call], bytes], Call, Incoming]] = {
    "serve": (encode_serve, _CALL, Incoming(GET, _CALL.payload)),
    "dispatch": (
        encode_dispatch,
        _CALL,
        Incoming(GET, _CALL.payload, "collector-2", {"zone": "west", "idempotent": "true"}),
    ),
}

_USER = Payload("type.googleapis.com/users.User", b"user")
RESPONSES: dict[str, tuple[Callable[[Reply], bytes], Reply]] = {
    "served": (encode_served, Reply(OK, _USER, "collector-2", Executed.YES)),
    "served, an error of the handler": (
        encode_served,
        Reply(Status(404, "no such user", {"id": "7"}), handled_by="collector-2", executed=Executed.YES),
    ),
    "served, refused": (encode_served, Reply(Status(404, "namespace 'x' not found"))),
    "dispatched": (
        encode_dispatched,
        Reply(OK, _USER, "collector-3", Executed.YES, tried=("collector-2", "collector-3")),
    ),
    "dispatched, may have run": (
        encode_dispatched,
        Reply(Status(502, "outcome unknown"), executed=Executed.MAYBE),
    ),
}

# ---- a conversation ----------------------------------------------------------------------------------

BATCHING = Batching(
    max_envelopes=3,
    enough=1,
    frame_bytes=64,
    large_bytes=100,
    chunk_bytes=48,
    fast_chunk_bytes=48,
    max_names=16,
)


@attrs.define(eq=False)
class Conversation:
    """What two ends say to each other, step by step: first the left end acts and is heard, then the right one.

    Only the names of what happens are the same whoever speaks: the ends of a conversation that was recorded
    are played one after the other.
    """

    wire: Wire
    calls: dict[str, list[Outcome]] = attrs.field(factory=lambda: {"left": [], "right": []})

    def acts(self, step: int, end: End) -> None:
        """Do what an end does of its own in a step."""
        getattr(self, f"_{end.name}_{step}", lambda _end: None)(end)

    def _send(self, end: End, size: int, mode: Mode = Mode.SERVE, **more: object) -> None:
        count = len(self.calls[end.name])
        key = MethodKey("users", "UserService", f"Method{count}")
        payload = Payload(f"type-{count}", f"{end.name}-{count}".encode().ljust(size, b"."))
        self.calls[end.name].append(
            end.send(Call(key, payload, self.wire.now + 10.0, **more), mode)  # type: ignore[arg-type]  # fields
        )

    def _left_2(self, end: End) -> None:
        """After hello and welcome: small calls, one with everything that a call may have, a large one."""
        self._send(end, 10)
        self._send(
            end,
            10,
            Mode.DISPATCH,
            target="right",
            hints={"k": "v"},
            hops=1,
            visited=("x",),
            metadata=METADATA,
        )
        self._send(end, 10, idempotent=False)
        self._send(end, 200)
        self._send(end, 0)

    def _right_2(self, end: End) -> None:
        """Replies of all kinds, beside calls of its own and news."""
        for index, taken in enumerate(end.taken):
            taken.answer(reply_to(end, index))
        self._send(end, 10)
        self._send(end, 150)
        end.names = Catalog(("users",), (MethodInfo(GET, "unary", idempotent=True),))
        end.engine.tell_catalog()
        end.engine.tell_reach([Reach("far", ("right",), (MethodInfo(GET, "unary", idempotent=True),))])

    def _left_3(self, end: End) -> None:
        """Replies, one of them large; calls that are cancelled; many names."""
        for index, taken in enumerate(end.taken):
            taken.answer(reply_to(end, index))
        for _ in range(20):
            self._send(end, 5)
        end.engine.ask()

    def _left_4(self, end: End) -> None:
        for outcome in self.calls["left"][-3:]:
            end.engine.cancel(outcome.sent)
        end.engine.tell_draining()

    def _right_4(self, end: End) -> None:
        for taken in end.taken[5:]:
            taken.answer(reply_to(end, 0))

    def _right_5(self, end: End) -> None:
        end.engine.retire("done")


STEPS = 8


def reply_to(end: End, index: int) -> Reply:
    """What an end answers to its call number `index`."""
    payload = Payload("reply", f"{end.name} answers {index}".encode().ljust(20 if index != 3 else 300, b"-"))
    return (
        Reply(OK, payload, end.name, Executed.YES),
        Reply(OK, payload, "elsewhere", Executed.YES, (("k", "v"),), ("x", "elsewhere")),
        Reply(Status(404, "no such user", {"id": "7"}), handled_by=end.name, executed=Executed.YES),
        Reply(OK, payload, end.name, Executed.YES),
        Reply(Status(429, "overloaded", {"retry_after_ms": "100"})),
    )[index]


def record() -> dict[str, bytes]:
    """The frames of a conversation between two ends of this version, in order."""
    wire = Wire(batching=BATCHING)
    conversation = Conversation(wire)
    said: dict[str, bytes] = {}
    for step in range(STEPS):
        for end in (wire.left, wire.right):
            conversation.acts(step, end)
            for _ in range(50):
                for frame in end.write(with_credit=True):
                    said[f"said {len(said):03} step {step} {end.name}"] = encode_frame(frame)
                while end.other.read():
                    pass
                for frame in end.other.write(with_credit=True):
                    said[f"said {len(said):03} step {step} {end.other.name}"] = encode_frame(frame)
                while end.read():
                    pass
    return said


def everything() -> Iterator[tuple[str, bytes]]:
    """All that is written down, as this version sends it."""
    for name, frame in FRAMES.items():
        yield f"frame: {name}", encode_frame(frame)
    for name, (connect, _) in CONNECTS.items():
        yield f"request: {name}", connect()
    for name, welcome in WELCOMES.items():
        yield f"response: {name}", encode_connected(welcome)
    for name, (encode, call, _) in REQUESTS.items():
        yield f"request: {name}", encode(call)
    for name, (encode_reply, reply) in RESPONSES.items():
        yield f"response: {name}", encode_reply(reply)
    yield from record().items()


def kept(version: str) -> dict[str, bytes]:
    """What was written down of a version."""
    lines = (FOLDER / f"{version}.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.rsplit("=", 1) for line in lines)
    return {name.strip(): bytes.fromhex(data) for name, data in pairs}


def main(version: str) -> None:
    """Write down what this version sends."""
    path = FOLDER / f"{version}.txt"
    if path.exists():
        sys.exit(f"{path} is there already: what was written down of a version stays")
    text = "".join(f"{name} = {data.hex()}\n" for name, data in everything())
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
