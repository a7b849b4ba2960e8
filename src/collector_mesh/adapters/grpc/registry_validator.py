"""Asks a registry over gRPC whether methods may be called: ours, or the original."""

import asyncio
from collections.abc import Awaitable, Callable
from os import PathLike
from typing import TYPE_CHECKING, Literal

import grpc

from collector_mesh.adapters.grpc.registry_way import check_timeout
from collector_mesh.adapters.grpc.remote_types import RemoteTypes
from collector_mesh.adapters.grpc.server_client import ServerClient, StatusError
from collector_mesh.adapters.grpc.tls import Tls, TlsError
from collector_mesh.adapters.runtime.asking import AskingValidator
from collector_mesh.adapters.runtime.cancelling import is_being_cancelled
from collector_mesh.adapters.runtime.token_source import token_source
from collector_mesh.adapters.wire.registry_questions import decode_answer, encode_question
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.ports.validator import ReadyValidator
from collector_mesh.domain.registry.remembered import Answer, Times, Undecided

_VALIDATE = "/collector.CollectorRegistry/ValidateMethod"

_MAX_ANSWER_BYTES = 64 << 10

# One method, or the methods of one namespace, at most: everything else is the same for all.
_OF_THE_METHOD = frozenset(
    code.value[0]
    for code in (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.DATA_LOSS,
    )
)


class RegistryValidator(AskingValidator):
    """A validator that asks a registry, once for each method, and remembers the answer.

    Where the registry knows what a method takes, payloads of another type are refused with 400. It never registers anything.

    While the registry is away, no call waits for it: methods that were there the last time may be called for `stale`
    seconds, and `fail` says what holds for all others. In the background it is asked until it answers.

    It belongs to the event loop that it is first used in. The collector that has it closes its connection when it stops;
    elsewhere use `async with`, or `aclose`.

    Args:
        address: HOST:PORT of the registry, or `unix:PATH`.
        tls: certificates.
        insecure: whether plaintext may leave this machine.
        fail: `closed` answers 503 where nothing is known, `open` allows it.
        fresh: seconds for which it is believed that a method is there.
        refused: seconds for which it is believed that one is not there.
        stale: seconds for which an answer counts while the registry is away.
        timeout: seconds for an answer.
        token_file: a file with the bearer token to show, and nothing else.
        max_methods: methods of which the answers are remembered, and as many names that are none.

    Raises:
        InvalidCallError: it is no address, or plaintext would leave this machine.
        ValueError: a number is out of range.
        TypeError: it is none.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: Tls | None = None,
        insecure: bool = False,
        fail: Literal["closed", "open"] = "closed",
        fresh: float = 60.0,
        refused: float = 5.0,
        stale: float = 3600.0,
        timeout: float = 2.0,
        token_file: "str | PathLike[str] | None" = None,
        max_methods: int = 10_000,
    ) -> None:
        check_timeout(timeout)
        times = Times(fresh=fresh, refused=refused, stale=stale, fails=fail, most=max_methods)
        super().__init__(address, times)
        self._tls, self._insecure = tls, insecure
        self._token = None if token_file is None else token_source(None, token_file)
        self._client = self._made_client()
        self._client.check()
        self._timeout = timeout

    def types(self) -> RemoteTypes:
        """What tells the types of services that the registry has."""
        return RemoteTypes(self._registry, tls=self._tls, insecure=self._insecure, token=self._token)

    async def _ask(self, key: MethodKey) -> Answer:
        late = Undecided(
            f"no answer from the registry at {self._registry} within {self._timeout:g} s", is_away=True
        )
        client = self._client
        try:
            async with asyncio.timeout(self._timeout):
                await client.reach()
                answer = await client.unary(
                    _VALIDATE, encode_question(key), metadata=(), timeout=self._timeout
                )
        except TimeoutError:
            return late
        except StatusError as error:
            return late if error.is_late else await self._failed(error, client)
        except (MeshError, TlsError, RuntimeError, grpc.aio.BaseError) as error:
            # The last two where another question has closed the connection.
            return Undecided(str(error), is_away=True)
        except asyncio.CancelledError:
            # A closed channel looks like a cancellation of whoever waits.
            if is_being_cancelled():
                raise
            return Undecided(f"the connection to the registry at {self._registry} was closed", is_away=True)
        return decode_answer(answer.data, answer.trailing)

    async def _failed(self, error: StatusError, client: ServerClient) -> Answer:
        if error.is_unreached and self._tls is not None:
            # The next one reads the certificates anew.
            await client.aclose()
        if error.is_unimplemented:
            return Undecided(f"{self._registry} is no registry", is_away=True)
        text = (
            visible(error.text)
            if error.is_unreached
            else f"the registry at {self._registry} has answered {error}"
        )
        return Undecided(text, is_away=error.code not in _OF_THE_METHOD)

    def _parted(self) -> Callable[[], Awaitable[None]]:
        client = self._client
        self._begin()
        return client.aclose

    def _begin(self) -> None:
        self._client = self._made_client()

    def _made_client(self) -> ServerClient:
        return ServerClient(
            self._registry,
            tls=self._tls,
            insecure=self._insecure,
            max_bytes=_MAX_ANSWER_BYTES,
            token=self._token,
        )


if TYPE_CHECKING:
    _fits: type[ReadyValidator] = RegistryValidator
