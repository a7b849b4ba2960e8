"""A call that an interceptor has answered by itself."""

from collections.abc import Callable, Generator
from typing import Any

import grpc
from grpc import aio

from collector_mesh.adapters.stubs.bases import UnaryUnaryCallBase


class AnsweredCall(UnaryUnaryCallBase):
    """A call that has ended well, with a response of the interceptor's.

    Args:
        response: the response.
    """

    def __init__(self, response: Any) -> None:
        self._response = response

    def __await__(self) -> Generator[None, None, Any]:
        return self._response
        yield  # which makes it a generator

    def cancelled(self) -> bool:
        """Whether it was cancelled: it was not."""
        return False

    def done(self) -> bool:
        """Whether it has ended: it has."""
        return True

    def time_remaining(self) -> float | None:
        """Seconds until its time is up: it has no limit."""
        return None

    def cancel(self) -> bool:
        """Stop it; it has ended already."""
        return False

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call something with this call."""
        callback(self)

    async def initial_metadata(self) -> aio.Metadata:
        """What came before the response: nothing."""
        return aio.Metadata()

    async def trailing_metadata(self) -> aio.Metadata:
        """What came behind the response: nothing."""
        return aio.Metadata()

    async def code(self) -> grpc.StatusCode:
        """OK."""
        return grpc.StatusCode.OK

    async def details(self) -> str:
        """What is said to people: nothing."""
        return ""

    async def debug_error_string(self) -> str:
        """The same."""
        return ""

    async def wait_for_connection(self) -> None:
        """Return: it has ended well."""
