"""Servicers of the generated service, as users write them: they know nothing of the mesh.

`serve --mount` and collectors mount them; so a plain gRPC server can, which shows what a client has to see.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.wrappers_pb2 import Int64Value
from mesh_test import users_pb2, users_pb2_grpc

CODES = {code.value[0]: code for code in grpc.StatusCode}


def pairs(metadata: Any) -> list[users_pb2.Pair]:
    """Metadata, as the messages have it."""
    return [
        users_pb2.Pair(key=key, value=value.encode() if isinstance(value, str) else value)
        for key, value in metadata or ()
    ]


def metadata_of(pairs: Any) -> tuple[tuple[str, str | bytes], ...]:
    """Metadata of messages, as gRPC has it."""
    return tuple(
        (pair.key, pair.value if pair.key.endswith("-bin") else pair.value.decode()) for pair in pairs
    )


def _answer(request: users_pb2.Behavior, by: str, metadata: Any, left: float | None) -> users_pb2.Behaved:
    return users_pb2.Behaved(
        payload=b"x" * request.size,
        by=by,
        metadata=pairs(metadata),
        time_remaining=left or 0.0,
        padding=len(request.padding),
    )


class Users(users_pb2_grpc.UserServiceServicer):  # type: ignore[misc]  # generated code has no types
    """The service, with async methods."""

    def __init__(self, by: str = "users") -> None:
        self.by = by
        self.calls = 0
        self.cancelled = 0

    async def GetUser(self, request: users_pb2.GetUserRequest, context: Any) -> users_pb2.User:
        """A user, or NOT_FOUND where the id is not positive."""
        if request.id <= 0:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no user {request.id}", (("looked-at", "3"),))
        return users_pb2.User(id=request.id, name=f"user {request.id}")

    async def PutUser(self, request: users_pb2.User, context: Any) -> users_pb2.User:
        """What it is given."""
        return request

    async def CreateUser(self, request: users_pb2.User, context: Any) -> users_pb2.User:
        """What it is given, with the number of the call as its id."""
        self.calls += 1
        request.id = self.calls
        return request

    async def Echo(self, request: users_pb2.Everything, context: Any) -> users_pb2.Everything:
        """What it is given."""
        return request

    async def Behave(self, request: users_pb2.Behavior, context: Any) -> users_pb2.Behaved:
        """What it is told."""
        self.calls += 1
        left = context.time_remaining()
        if request.initial_metadata:
            await context.send_initial_metadata(metadata_of(request.initial_metadata))
        context.set_trailing_metadata(metadata_of(request.trailing_metadata))
        try:
            await asyncio.sleep(request.wait)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if request.raises:
            raise ValueError(request.raises)
        if request.code:
            await context.abort(CODES[request.code], request.details)
        return _answer(request, self.by, context.invocation_metadata(), left)

    async def ListUsers(
        self, request: users_pb2.ListUsersRequest, context: Any
    ) -> AsyncIterator[users_pb2.User]:
        """As many users as are wanted."""
        for number in range(request.count):
            yield users_pb2.User(id=number + 1)

    async def ImportUsers(
        self, requests: AsyncIterator[users_pb2.User], context: Any
    ) -> users_pb2.ImportSummary:
        """The number of users that came."""
        return users_pb2.ImportSummary(count=len([request async for request in requests]))

    async def Talk(
        self, requests: AsyncIterator[users_pb2.Line], context: Any
    ) -> AsyncIterator[users_pb2.Line]:
        """Each line, as it comes."""
        async for request in requests:
            yield request


class BlockingUsers(users_pb2_grpc.UserServiceServicer):  # type: ignore[misc]  # the same
    """The service, with plain methods, for threads."""

    def __init__(self, by: str = "users") -> None:
        self.by = by

    def GetUser(self, request: users_pb2.GetUserRequest, context: Any) -> users_pb2.User:
        """A user, or NOT_FOUND where the id is not positive."""
        if request.id <= 0:
            context.set_trailing_metadata((("looked-at", "3"),))
            context.abort(grpc.StatusCode.NOT_FOUND, f"no user {request.id}")
        return users_pb2.User(id=request.id, name=f"user {request.id}")

    def Echo(self, request: users_pb2.Everything, context: Any) -> users_pb2.Everything:
        """What it is given."""
        return request

    def Behave(self, request: users_pb2.Behavior, context: Any) -> users_pb2.Behaved:
        """What it is told."""
        left = context.time_remaining()
        if request.initial_metadata:
            context.send_initial_metadata(metadata_of(request.initial_metadata))
        context.set_trailing_metadata(metadata_of(request.trailing_metadata))
        time.sleep(request.wait)
        if request.raises:
            raise ValueError(request.raises)
        if request.code:
            context.abort(CODES[request.code], request.details)
        return _answer(request, self.by, context.invocation_metadata(), left)

    def ListUsers(self, request: users_pb2.ListUsersRequest, context: Any) -> Iterator[users_pb2.User]:
        """As many users as are wanted."""
        for number in range(request.count):
            yield users_pb2.User(id=number + 1)

    def ImportUsers(self, requests: Iterator[users_pb2.User], context: Any) -> users_pb2.ImportSummary:
        """The number of users that came."""
        return users_pb2.ImportSummary(count=len(list(requests)))

    def Talk(self, requests: Iterator[users_pb2.Line], context: Any) -> Iterator[users_pb2.Line]:
        """Each line, as it comes."""
        yield from requests


class Audit(users_pb2_grpc.AuditServiceServicer):  # type: ignore[misc]  # the same
    """The second service."""

    async def Record(self, request: AnyMessage, context: Any) -> Int64Value:
        """The number of bytes."""
        return Int64Value(value=len(request.value))
