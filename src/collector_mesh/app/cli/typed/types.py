"""Types of a server: those that the user has given, and those that the server tells by reflection."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, ServiceDescriptor

from collector_mesh.adapters.grpc.reflection_client import NoReflectionError, ReflectionError
from collector_mesh.adapters.grpc.server_client import StatusError
from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.reading import Reader
from collector_mesh.adapters.wire.described.shapes import UnknownTypeError
from collector_mesh.adapters.wire.described.writing import Writer
from collector_mesh.domain.model.names import IDENTIFIERS, MAX_IDENTIFIERS

T = TypeVar("T")

_MOST_TYPES = 64
"""Of what is in `Any`s, that are asked for on behalf of one message."""

_LAST_SECONDS = 2.0
"""For what is asked after the call, however long that has taken."""


class TimeLeft:
    """The time that a command has.

    Args:
        seconds: for all that it asks.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def __call__(self) -> float:
        """Seconds that are left, never less than a moment: who has none learns so from what is asked."""
        return max(0.001, self._end - time.monotonic())

    def allow_some_more(self) -> None:
        """What has been done already is to be shown whole."""
        self._end = max(self._end, time.monotonic() + _LAST_SECONDS)


class Telling(Protocol):
    """What tells types: the reflection of a server, or a registry. All of it raises `ReflectionError`, and more."""

    async def services(self) -> list[str]:
        """Full names of all services, in order."""
        ...

    async def files_with(self, symbol: str) -> list[bytes]:
        """The file in which a symbol is, and maybe others; none if it is not known."""
        ...

    async def file(self, name: str) -> list[bytes]:
        """The file of a name, and maybe others; none if it is not known."""
        ...


class Types:
    """Services and messages by their names; the server is asked for those that are not at hand.

    Args:
        files: what the user has given.
        server: what the server tells.
        address: of the server.
    """

    def __init__(self, files: Files, server: Telling, address: str) -> None:
        self.files = files
        self._server = server
        self._address = address
        self._are_given = len(files) > 0
        self._asked: set[str] = set()

    async def services(self) -> list[str]:
        """Full names of all services: those that the user has given, if there are any, else the server's.

        Raises:
            ReflectionError: the server has no reflection, or answers what cannot be used.
            StatusError: it refuses, or is not there.
        """
        given = sorted(set(self.files.services()))
        return given or await self._server.services()

    async def service(self, name: str) -> ServiceDescriptor | None:
        """A service by its full name; None if nobody knows it.

        Raises:
            DescriptorError: its descriptors cannot be used.
            ReflectionError, StatusError: see `services`.
        """
        return await self._found(self.files.service, name)

    async def service_by_itself(self, name: str) -> ServiceDescriptor | None:
        """A service as the server tells it, whatever else it has told: another of its files may define the same names.

        Errors are those of `service`.
        """
        return await Types(Files(), self._server, self._address).service(name)

    async def message(self, name: str) -> Descriptor | None:
        """A message by its full name; see `service`."""
        return await self._found(self.files.message, name)

    async def enum(self, name: str) -> EnumDescriptor | None:
        """An enum by its full name; see `service`."""
        return await self._found(self.files.enum, name)

    async def _found(self, look: Callable[[str], T | None], name: str) -> T | None:
        await self._complete()
        try:
            if (found := look(name)) is not None:
                return found
        except DescriptorError:
            # What it is in may not have been asked for yet.
            if not await self.load(name):
                raise
            return look(name)
        return look(name) if await self.load(name) else None

    async def load(self, symbol: str) -> bool:
        """Ask the server for the file of a symbol, once; whether anything has come of it.

        Errors are those of `service`.
        """
        if symbol in self._asked or len(symbol) > MAX_IDENTIFIERS or not IDENTIFIERS.fullmatch(symbol):
            return False
        try:
            has_come = await self._ask(symbol)
        except NoReflectionError:
            # With types of the user's own it need not have any.
            if self._are_given:
                return False
            raise
        await self._complete()
        return has_come

    async def _ask(self, symbol: str) -> bool:
        self._asked.add(symbol)
        files = await self._server.files_with(symbol)
        added = [self.files.add(data, self._address) for data in files]
        return any(file is not None for file in added)

    async def _complete(self) -> None:
        """Ask for all files that are imported, and for what is used and has not been imported."""
        while True:
            lacking = self.files.lacking()
            undefined = [name for name in self.files.undefined() if name not in self._asked]
            if not lacking and not undefined:
                return
            try:
                for name in lacking:
                    for data in await self._server.file(name):
                        self.files.add(data, self._address)
                    if not self.files.has(name):
                        self.files.is_absent(name)
                for name in undefined:
                    if name not in self._asked:
                        await self._ask(name)
            except NoReflectionError:
                # The files of the user alone; most imports are not needed for the messages themselves.
                for name in lacking:
                    self.files.is_absent(name)
                self._asked.update(undefined)

    async def request(self, kind: Descriptor, value: Any) -> bytes:
        """A serialized message of JSON; the server is asked for the types of what is in `Any`s.

        Raises:
            ShapeError: it does not fit.
            DescriptorError, ReflectionError, StatusError: see `service`.
        """
        for _ in range(_MOST_TYPES):
            try:
                return Reader(self.files).read(kind, value)
            except UnknownTypeError as error:
                if not await self.load(error.name):
                    raise
        return Reader(self.files).read(kind, value)

    async def shown(self, kind: Descriptor, data: bytes, *, defaults: bool = False) -> Any:
        """JSON of a message; what is in an `Any` whose type nobody knows is in base64.

        Raises:
            DescriptorError: it is no such message, or there is too much in it.
        """
        while True:
            writer = Writer(self.files, defaults=defaults)
            made = writer.read(kind, data)
            wanted = sorted(writer.unknown - self._asked)[: max(0, _MOST_TYPES - len(self._asked))]
            loaded = [await self._loads(name) for name in wanted]
            if not any(loaded):
                return made

    async def _loads(self, name: str) -> bool:
        try:
            return await self.load(name)
        except (DescriptorError, ReflectionError, StatusError):
            # Without it the rest can be shown all the same.
            return False

    async def details(self, messages: list[bytes]) -> list[Any]:
        """JSON of serialized `Any`s; those that cannot be shown are left out."""
        kind = self.files.message("google.protobuf.Any")
        assert kind is not None  # it comes with protobuf
        shown = []
        for data in messages:
            try:
                shown.append(await self.shown(kind, data))
            except DescriptorError:
                continue
        return shown


def ends_like(wanted: str, names: list[str]) -> list[str]:
    """Names to compare with what was typed: of each as many parts from its end."""
    parts = wanted.count(".") + 1
    return list(dict.fromkeys(".".join(name.split(".")[-parts:]) for name in names))


def last_parts(wanted: str, known: Mapping[str, str] | list[str]) -> list[str]:
    """The names that are a text, or else end with it after a dot."""
    if wanted in known:
        return [wanted]
    return [name for name in known if name.endswith(f".{wanted}")]
