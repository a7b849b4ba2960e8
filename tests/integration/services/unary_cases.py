"""Unary calls of a gRPC client that knows of no mesh, and what has to come of each, whatever client it is."""

from collections.abc import Callable
from typing import Any

import attrs
import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from mesh_test import common_pb2, users_pb2
from tests.limits import LIMIT_SECONDS

USERS = "mesh.test.users.v1.UserService"
AUDIT = "mesh.test.users.v1.AuditService"
MAX_PAYLOAD = 1 << 20
"""Of the collectors, in bytes."""

Metadata = tuple[tuple[str, str | bytes], ...]


@attrs.frozen
class Outcome:
    """What a client has seen."""

    code: int
    details: str
    response: bytes
    initial: Metadata
    trailing: Metadata


def _anything(_response: Any) -> bool:
    return True


@attrs.frozen
class Case:
    """A call, and what has to come of it.

    Attributes:
        name: of the test.
        method: by its name, of a service.
        request: what is sent.
        code: of gRPC, as a number.
        details: the text; what it begins with, where this ends with an ellipsis.
        response: of which class the answer is.
        is_right: whether the answer is what it has to be.
        initial: metadata that come before it.
        trailing: metadata that come behind it, all of it.
        metadata: what is sent beside the request.
        timeout: in seconds.
        service: by its full name.
        of_mesh: whether a server of gRPC has another answer, as it knows of no mesh.
    """

    name: str
    method: str
    request: Message
    code: int = 0
    details: str = ""
    response: Callable[[], Message] = users_pb2.Behaved
    is_right: Callable[[Any], object] = _anything
    initial: Metadata = ()
    trailing: Metadata = ()
    metadata: Metadata = ()
    timeout: float = LIMIT_SECONDS
    service: str = USERS
    of_mesh: bool = False

    @property
    def path(self) -> str:
        """As gRPC has it."""
        return f"/{self.service}/{self.method}"

    def check(self, outcome: Outcome, seen_as: Callable[[Metadata], object] | None = None) -> None:
        """Compare what a client has seen; `seen_as` says how it shows metadata."""
        shown = seen_as or by_key
        begin = self.details.removesuffix("…")
        told = outcome.details if begin == self.details else outcome.details[: len(begin)]
        assert (outcome.code, told) == (self.code, begin), outcome.details
        assert shown(outcome.trailing) == shown(self.trailing)
        if self.code == 0:
            answer = self.response()
            answer.ParseFromString(outcome.response)
            assert self.is_right(answer), answer
            assert shown(outcome.initial) == shown(self.initial)


def by_key(metadata: Metadata) -> list[tuple[str, str | bytes]]:
    """Metadata by key, in the order of each: clients keep no other one. What a client adds itself is left out."""
    return sorted((pair for pair in metadata if pair[0] not in _OF_HTTP), key=lambda pair: pair[0])


def joined(metadata: Metadata) -> dict[str, str | list[str | bytes]]:
    """Metadata as Node.js shows them: of texts that have the same key it makes one."""
    found: dict[str, list[str | bytes]] = {}
    for key, value in by_key(metadata):
        found.setdefault(key, []).append(value)
    return {
        key: values if key.endswith("-bin") else ", ".join(map(str, values)) for key, values in found.items()
    }


_OF_HTTP = {"content-type", "user-agent", "date", "grpc-accept-encoding", "accept-encoding"}

EVERYTHING = users_pb2.Everything(
    user=users_pb2.User(id=-1, name="\N{SNOWMAN}", nickname="", role=common_pb2.ROLE_ADMIN, tags=["a", "b"]),
    signed=-(1 << 63),
    unsigned=(1 << 64) - 1,
    fixed=(1 << 64) - 1,
    small=-5,
    real=-0.0,
    short_real=1.5,
    truth=True,
    raw=bytes(range(256)),
    counts={"a": 1, "": -(1 << 53) - 1},
    by_number={-7: users_pb2.User(addresses=[common_pb2.Address(street="s", floor=0)])},
    many=[0, (1 << 64) - 1],
    inners=[users_pb2.Everything.Inner(inner=users_pb2.Everything.Inner(text="deep"))],
    color=users_pb2.Everything.COLOR_BLUE,
    colors=[users_pb2.Everything.COLOR_RED, 7],  # type: ignore[list-item]  # of a newer version of the file
    when=Timestamp(seconds=1, nanos=999_999_999),
    maybe=StringValue(),
    perhaps=0,
    renamed="other",
)
EVERYTHING.any.Pack(users_pb2.Line(text="inside"))


def pair(key: str, value: str | bytes) -> users_pb2.Pair:
    """As the messages have it."""
    return users_pb2.Pair(key=key, value=value.encode() if isinstance(value, str) else value)


def came(*metadata: tuple[str, str | bytes]) -> Callable[[users_pb2.Behaved], bool]:
    """Whether exactly this metadata has come to the servicer, but for what clients add."""
    wanted = by_key(metadata)

    def check(answer: users_pb2.Behaved) -> bool:
        seen = tuple(
            (each.key, each.value if each.key.endswith("-bin") else each.value.decode())
            for each in answer.metadata
        )
        return by_key(seen) == wanted

    return check


def behave(**what: Any) -> users_pb2.Behavior:
    """What the servicer is to do."""
    return users_pb2.Behavior(**what)


def _each_code() -> list[Case]:
    return [
        Case(
            f"code {code.name}",
            "Behave",
            behave(
                code=code.value[0],
                details=f"as told: {code.name} \N{SNOWMAN} 100%",
                trailing_metadata=[
                    pair("why", "because"),
                    pair("why", "of that"),
                    pair("grpc-status-details-bin", b"\x08\x05\x12\x01\xff"),
                ],
            ),
            code=code.value[0],
            details=f"as told: {code.name} \N{SNOWMAN} 100%",
            trailing=(
                ("grpc-status-details-bin", b"\x08\x05\x12\x01\xff"),
                ("why", "because"),
                ("why", "of that"),
            ),
        )
        for code in grpc.StatusCode
        if code is not grpc.StatusCode.OK
    ]


NOBODY = "nobody is known to have"
MAY_USE = "in a namespace that the caller may use"
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED.value[0]

CASES = [
    Case(
        "success",
        "GetUser",
        users_pb2.GetUserRequest(id=7),
        response=users_pb2.User,
        is_right=lambda user: (user.id, user.name) == (7, "user 7"),
    ),
    Case(
        "an error of the servicer with metadata",
        "GetUser",
        users_pb2.GetUserRequest(id=-1),
        code=5,
        details="no user -1",
        trailing=(("looked-at", "3"),),
    ),
    *_each_code(),
    Case(
        "an exception",
        "Behave",
        behave(raises="broken"),
        code=2,
        details="handler error: broken",
        of_mesh=True,
    ),
    Case(
        "an error without a text",
        "Behave",
        behave(code=9),
        code=9,
    ),
    Case(
        "a long text",
        "Behave",
        behave(code=9, details="x" * 4000),
        code=9,
        details="x" * 4000,
    ),
    Case(
        "every kind of field",
        "Echo",
        EVERYTHING,
        response=users_pb2.Everything,
        is_right=lambda answer: answer == EVERYTHING,
    ),
    Case(
        "an empty message",
        "Echo",
        users_pb2.Everything(),
        response=users_pb2.Everything,
        is_right=lambda answer: answer == users_pb2.Everything(),
    ),
    Case(
        "metadata of the servicer",
        "Behave",
        behave(
            initial_metadata=[pair("first", "1"), pair("first", "2"), pair("first-bin", b"\0\xff")],
            trailing_metadata=[pair("last", ""), pair("last-bin", b""), pair("last-bin", b"\xfe")],
        ),
        initial=(("first", "1"), ("first", "2"), ("first-bin", b"\0\xff")),
        trailing=(("last", ""), ("last-bin", b""), ("last-bin", b"\xfe")),
    ),
    Case(
        "metadata of the client, binary and repeated",
        "Behave",
        behave(),
        metadata=(("a", "1"), ("a", "2"), ("b-bin", b"\0\x01\xff"), ("authorization", "Bearer x y")),
        is_right=came(("a", "1"), ("a", "2"), ("authorization", "Bearer x y"), ("b-bin", b"\0\x01\xff")),
    ),
    Case(
        "keys of the mesh from outside",
        "Behave",
        behave(),
        metadata=(("collector-else", "x"), ("collector-namespace", "users"), ("mine", "1")),
        is_right=came(("mine", "1")),
        of_mesh=True,
    ),
    Case(
        "8 KiB of metadata",
        "Behave",
        behave(),
        metadata=(("k", "x" * 8191),),
        is_right=came(("k", "x" * 8191)),
        of_mesh=True,
    ),
    Case(
        "a byte more",
        "Behave",
        behave(),
        metadata=(("k", "x" * 8192),),
        code=3,
        details="metadata has 8193 bytes, at most 8192 are allowed",
        of_mesh=True,
    ),
    Case(
        "the namespace named", "Behave", behave(), metadata=(("collector-namespace", "users"),), of_mesh=True
    ),
    Case(
        "a namespace that is not there",
        "Behave",
        behave(),
        metadata=(("collector-namespace", "nowhere"),),
        code=UNIMPLEMENTED,
        details="no collector found for namespace 'nowhere'…",
        of_mesh=True,
    ),
    Case(
        "a namespace that is no name",
        "Behave",
        behave(),
        metadata=(("collector-namespace", "a b"),),
        code=3,
        details="metadata 'collector-namespace' must match…",
        of_mesh=True,
    ),
    Case(
        "two namespaces, none named",
        "Record",
        AnyMessage(value=b"123"),
        service=AUDIT,
        code=9,
        details=f"method '{AUDIT}/Record' can be meant in several namespaces, 'audit-1', 'audit-2': …",
        of_mesh=True,
    ),
    Case(
        "one of two namespaces named",
        "Record",
        AnyMessage(value=b"123"),
        service=AUDIT,
        metadata=(("collector-namespace", "audit-2"),),
        response=Int64Value,
        is_right=lambda answer: answer.value == 3,
        of_mesh=True,
    ),
    Case(
        "a target",
        "Behave",
        behave(),
        metadata=(("collector-target", "users-2"),),
        is_right=lambda answer: answer.by == "users-2",
        of_mesh=True,
    ),
    Case(
        "another target",
        "Behave",
        behave(),
        metadata=(("collector-target", "users-1"),),
        is_right=lambda answer: answer.by == "users-1",
        of_mesh=True,
    ),
    Case(
        "a target that is not connected",
        "Behave",
        behave(),
        metadata=(("collector-target", "nobody"),),
        code=14,
        details="no connection to collector 'nobody'…",
        of_mesh=True,
    ),
    Case(
        "a method that nobody has",
        "Fly",
        Empty(),
        code=UNIMPLEMENTED,
        details=f"{NOBODY} '{USERS}/Fly' {MAY_USE}",
        of_mesh=True,
    ),
    Case(
        "a service that nobody has",
        "Get",
        Empty(),
        service="mesh.test.Nothing",
        code=UNIMPLEMENTED,
        details=f"{NOBODY} 'mesh.test.Nothing/Get' {MAY_USE}",
        of_mesh=True,
    ),
    Case(
        "a method that is not overridden",
        "Forget",
        Empty(),
        code=UNIMPLEMENTED,
        details=f"{NOBODY} '{USERS}/Forget' {MAY_USE}",
        of_mesh=True,
    ),
    Case("a deadline that passes", "Behave", behave(wait=LIMIT_SECONDS), timeout=0.2, code=4, details="…"),
    Case(
        "a deadline that does not",
        "Behave",
        behave(),
        timeout=1000.0,
        is_right=lambda answer: 500 < answer.time_remaining < 1100,
    ),
    Case(
        "a large message",
        "Behave",
        behave(padding=b"x" * 900_000, size=900_000),
        is_right=lambda answer: (answer.padding, len(answer.payload)) == (900_000, 900_000),
    ),
    Case(
        "a request over the limit",
        "Behave",
        behave(padding=b"x" * MAX_PAYLOAD),
        code=8,
        details="payload of …",
        of_mesh=True,
    ),
    Case(
        "a response over the limit",
        "Behave",
        behave(size=MAX_PAYLOAD),
        code=2,
        details="handler error: result of …",
        of_mesh=True,
    ),
    *(
        Case(
            f"{method}, which streams",
            method,
            Empty(),
            code=UNIMPLEMENTED,
            details=f"method '{USERS}.{method}' is of the kind '{kind}', and is called as 'unary'",
            of_mesh=True,
        )
        for method, kind in (("ListUsers", "server"), ("ImportUsers", "client"), ("Talk", "both"))
    ),
]
"""Each of them works against two collectors, `users-1` and `users-2`, with all of the service in the namespace `users`."""
