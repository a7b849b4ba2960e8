"""The way of one call through middleware."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Generic, TypeVar

from collector_mesh.domain.model.errors import Executed, HandlerError, error_for, is_code, kind_of
from collector_mesh.domain.model.limits import SHORT_TYPE_URL, is_long, long_type_url
from collector_mesh.domain.model.middleware import SeenCall
from collector_mesh.domain.model.payload import Payload, flaw_of
from collector_mesh.domain.model.reply_metadata import checked_reply_metadata
from collector_mesh.domain.model.status import OK, Metadata, Reply, Status, chosen_status

C = TypeVar("C", bound=SeenCall)

_OVER = -1


class Passage(Generic[C]):
    """Has one call go through middleware, one after the other, each of which calls on at most once.

    A subclass says what comes behind the last one. It is on the way of every call: no more coroutines than are needed.

    Args:
        steps: the methods of the middleware, in order.
        most: bytes of the largest payload of a reply.
    """

    __slots__ = ("_most", "_reached", "_steps", "given", "metadata", "payload", "status")

    kind: type[C]
    """The class of calls that the steps take."""

    def __init__(self, steps: tuple[Callable[[C, Any], Awaitable[Reply]], ...], most: int) -> None:
        self._steps = steps
        self._most = most
        self._reached = 1
        self.given: Reply | None = None
        """What came of the call behind the middleware, None where that is not known."""
        self.status: Status
        """What it was then: a reply can be changed."""
        self.payload: Payload
        self.metadata: Metadata

    @property
    def has_gone_on(self) -> bool:
        """Whether the call has left the last middleware."""
        return self._reached > len(self._steps)

    async def step(self, call: C, index: int = 0) -> Reply:
        """Have the call meet middleware, the first one at first; gives the outcome, and raises nothing but what passes."""
        try:
            reply = await self._steps[index](call, partial(self._go, index + 1))
            given = self.given
            if (
                given is not None
                and reply is given
                and reply.status is self.status
                and reply.payload is self.payload
                and reply.metadata is self.metadata
            ):
                return reply
            return self._changed(reply)
        except BaseException as error:
            if self.passes(error):
                raise
            return self.failed(error)

    def end(self) -> None:
        """Nobody may call on anymore."""
        self._reached = _OVER

    async def arrive(self, call: C) -> Reply:
        """Have the call go on behind the last one; the outcome is to be `given`."""
        raise NotImplementedError

    def left(self, reply: Reply) -> None:
        """Say of the outcome whether a handler may have run, where middleware has not waited for what it called on."""
        if reply.executed is Executed.NO:
            reply.executed = Executed.MAYBE

    def passes(self, error: BaseException) -> bool:
        """Whether something that was raised is no outcome: a cancellation, say."""
        raise NotImplementedError

    def failed(self, error: BaseException) -> Reply:
        """The outcome for anything else that was raised."""
        raise NotImplementedError

    def _go(self, index: int, call: C) -> Awaitable[Reply]:
        if self._reached != index:
            if self._reached == _OVER:
                raise RuntimeError("middleware has called on after the call has ended")
            raise RuntimeError("middleware has called on twice for one call")
        if type(call) is not self.kind:
            raise TypeError(
                f"middleware must call on with a collector_mesh.{self.kind.__name__}, got {kind_of(call)}"
            )
        self._reached = index + 1
        return self.step(call, index) if index < len(self._steps) else self.arrive(call)

    def _changed(self, reply: object) -> Reply:
        """What middleware has made of the outcome, if it can be sent; that a handler has run is never told as less.

        Raises:
            TypeError: it is no reply, or holds what none may hold.
            ValueError: its metadata cannot travel.
            HandlerError: its payload cannot travel, or is over the limit.
        """
        if type(reply) is not Reply:
            raise TypeError(f"middleware must give a collector_mesh.Reply, got {kind_of(reply)}")
        _check(reply, self._most)
        given = self.given
        if given is None:
            if self.has_gone_on:
                self.left(reply)
        elif reply.executed.rank < given.executed.rank:
            reply.executed, reply.handled_by = given.executed, given.handled_by
        return reply


def _check(reply: Reply, most: int) -> None:
    status = reply.status
    if type(status) is not Status or not (status.code == OK.code or is_code(status.code)):
        raise TypeError(
            "the status of a reply must be a collector_mesh.Status with the code 200 or 400 to 599"
        )
    # The one object for success: what is on the way of every call looks for it.
    told = OK if status.code == OK.code else chosen_status(error_for(*_parts(status)))
    payload = reply.payload
    if type(payload) is not Payload:
        raise TypeError(f"the payload of a reply must be a collector_mesh.Payload, got {kind_of(payload)}")
    flaw = flaw_of(payload)
    if flaw is None and len(payload.type_url) > SHORT_TYPE_URL and is_long(payload.type_url):
        flaw = str(long_type_url(payload.type_url))
    if flaw is not None:
        raise HandlerError(f"cannot send the result: {flaw}")
    if len(payload.value) > most:
        raise HandlerError(f"result of {len(payload.value)} bytes is over the limit of {most} bytes")
    reply.status = told or status
    if reply.metadata:
        reply.metadata = checked_reply_metadata(reply.metadata)
    if reply.initial_metadata:
        reply.initial_metadata = checked_reply_metadata(reply.initial_metadata)


def _parts(status: Status) -> tuple[int, str, Any]:
    message = status.message
    if not isinstance(message, str):
        raise TypeError(f"the message of a Status must be a str, got {kind_of(message)}")
    return status.code, message, status.details
