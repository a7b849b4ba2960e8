"""Channels that show a bearer token with every request."""

import time
from collections.abc import Callable
from typing import Any, cast

import grpc

from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.status import Metadata

TokenSource = Callable[[], str]
"""Gives the token to show, read anew where it is in a file; raises InvalidCallError where there is none."""

_AGE_SECONDS = 5.0
"""How long a token is used before it is read again."""


def check_token_way(address: HostPort, *, has_tls: bool) -> None:
    """See that a token can be read by nobody on its way.

    Raises:
        InvalidCallError: it could.
    """
    if not has_tls and not address.is_loopback:
        raise InvalidCallError(
            f"a bearer token is not sent in plaintext to {address}, which is not a loopback address: give it TLS"
            " certificates"
        )


def with_token(channel: grpc.aio.Channel, token: TokenSource) -> grpc.aio.Channel:
    """A channel that shows a token with each request, beside the metadata that it has.

    Raises:
        InvalidCallError: there is no token now.
    """
    bearer = _Bearer(token)
    bearer.headers()
    return cast("grpc.aio.Channel", _TokenChannel(channel, bearer))


class _Bearer:
    def __init__(self, token: TokenSource) -> None:
        self._token = token
        self._headers: Metadata = ()
        self._until = 0.0

    def headers(self) -> Metadata:
        """The header for a request."""
        now = time.monotonic()
        if now >= self._until:
            try:
                self._headers = (("authorization", f"Bearer {self._token()}"),)
            except InvalidCallError:
                # The file is just being replaced: the earlier token may still be good.
                if not self._headers:
                    raise
            self._until = now + _AGE_SECONDS
        return self._headers


class _TokenChannel:
    """As the channel in it; there are no interceptors, which make every call a task more."""

    def __init__(self, channel: grpc.aio.Channel, bearer: _Bearer) -> None:
        self._channel = channel
        self._bearer = bearer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        """See grpc; so are the others."""
        return self._with_token(self._channel.unary_unary(*arguments, **options))

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return self._with_token(self._channel.unary_stream(*arguments, **options))

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return self._with_token(self._channel.stream_unary(*arguments, **options))

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        return self._with_token(self._channel.stream_stream(*arguments, **options))

    def _with_token(self, method: Any) -> Callable[..., Any]:
        def begin(*requests: Any, metadata: Metadata | None = None, **options: Any) -> Any:
            return method(*requests, metadata=(*(metadata or ()), *self._bearer.headers()), **options)

        return begin
