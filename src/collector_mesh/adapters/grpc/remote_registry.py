"""A registry that is elsewhere, asked over gRPC: ours, or the original as far as it can."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from collector_mesh.adapters.grpc.registry_way import ORIGINAL, OURS, RegistryWay
from collector_mesh.adapters.wire import original_registry as original
from collector_mesh.adapters.wire import registry_requests as ours
from collector_mesh.adapters.wire.registry_questions import decode_answer, encode_question
from collector_mesh.adapters.wire.registry_requests import RegisteredName
from collector_mesh.domain.model.errors import (
    ConflictError,
    InvalidCallError,
    UnavailableError,
    UnimplementedError,
    is_unicode,
    quoted,
)
from collector_mesh.domain.model.limits import check_labels
from collector_mesh.domain.model.names import MethodKey, check_name, text_argument
from collector_mesh.domain.registry.every import Every
from collector_mesh.domain.registry.paging import limit_of
from collector_mesh.domain.registry.registry import PAGE
from collector_mesh.domain.registry.remembered import Refused, Valid
from collector_mesh.domain.registry.results import (
    HistoryPage,
    RegisteredService,
    ServicePage,
    Validity,
)

T = TypeVar("T")

"""Pages without an entry that may follow each other."""


class RemoteRegistry(RegistryWay, Every):
    """The questions and requests that a registry takes; see `RegistryWay` for the arguments."""

    async def register_files(
        self,
        namespace: str,
        files: Sequence[bytes],
        services: Sequence[tuple[str, bytes | None]],
        *,
        labels: Mapping[str, str] | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> tuple[RegisteredName, ...]:
        """Register services with their files; without services the files by themselves.

        Args:
            namespace: where.
            files: a `FileDescriptorProto` each, after those that it imports.
            services: full names; with a `ServiceDescriptorProto` where it is in none of the files.
            labels: see `RegistryClient.register`, as for the rest.
            force: see there.
            dry_run: see there.

        Raises:
            MeshError: see there.
        """
        check_name("namespace", namespace)
        if labels is not None:
            check_labels(labels)
        data = ours.encode_register(
            namespace,
            files,
            services,
            labels=labels,
            force=force,
            dry_run=dry_run,
        )

        async def simply() -> tuple[RegisteredName, ...]:
            if labels or force or dry_run:
                raise UnimplementedError(
                    f"the registry at {self.address} is the original, which knows no labels, no force and no dry run"
                )
            return await self._register_simply(namespace, files, services)

        return await self._either("Register", data, ours.decode_registered, simply)

    async def lookup(self, namespace: str, name: str) -> RegisteredService:
        """Give a service, by its full or its short name.

        Raises:
            InvalidCallError: a name is malformed, or several services have this short name.
            NotFoundError: there is none.
            MeshError: the registry is away, or refuses.
        """

        async def simply() -> RegisteredService:
            data = original.encode_lookup_service(namespace, name)
            return original.decode_service((await self.send(f"{ORIGINAL}LookupService", data))[0])

        data = ours.encode_lookup(_text("namespace", namespace), _text("name", name))
        return await self._either("Lookup", data, lambda answer: ours.decode_found(answer)[0], simply)

    async def files(self, namespace: str, service: str) -> tuple[bytes, ...]:
        """Give the file of a service and all that it needs, as `FileDescriptorProto`s, each after those that it imports.

        Raises:
            MeshError: see `lookup`; the original does not tell them.
        """
        data = ours.encode_lookup(_text("namespace", namespace), _text("service", service))
        return await self._either(
            "Lookup", data, lambda answer: ours.decode_found(answer)[1], self._cannot("tell files")
        )

    async def validate(self, namespace: str, service: str, method: str) -> Validity:
        """Say whether a service has a method, and, where the registry knows it, what that takes and gives.

        Raises:
            MeshError: the registry is away, or its answer means nothing.
        """
        names = {"namespace": namespace, "service": service, "method": method}
        data = encode_question(MethodKey(*(_text(what, name) for what, name in names.items())))
        answer = decode_answer(*await self.send(f"{ORIGINAL}ValidateMethod", data))
        if isinstance(answer, Valid):
            takes, gives = answer.allowed.takes, answer.allowed.gives
            return Validity(is_valid=True, message="Method is valid", takes=takes, gives=gives)
        if isinstance(answer, Refused):
            return Validity(is_valid=False, message=answer.reason)
        raise UnavailableError(answer.reason)

    async def list(self, namespace: str = "", *, after: str = "", limit: int = PAGE) -> ServicePage:
        """Give services, newest first.

        Args:
            namespace: where; empty for everywhere.
            after: `after` of the page before; empty for the first one.
            limit: most of them, up to 1,000; the registry may give fewer.

        Raises:
            MeshError: an argument is malformed, or the registry is away, or refuses.
        """

        async def simply() -> ServicePage:
            data = original.encode_list_services(namespace)
            return ServicePage(
                original.decode_services((await self.send(f"{ORIGINAL}ListServices", data))[0])
            )

        question = _text("namespace", namespace), _text("after", after), limit_of(limit)
        return await self._either("List", ours.encode_list(*question), ours.decode_page, simply)

    async def history(
        self, namespace: str = "", name: str = "", *, after: str = "", limit: int = PAGE
    ) -> HistoryPage:
        """Give what was changed, by whom and when, latest first; see `list`.

        Args:
            namespace: where; empty for everywhere.
            name: of which service (full or short name, the full one of a removed one) or file; empty for all.
            after: see `list`.
            limit: see `list`.

        Raises:
            MeshError: see `list`; the original has no history.
        """
        names = _text("namespace", namespace), _text("name", name)
        data = ours.encode_history(*names, _text("after", after), limit_of(limit))
        return await self._either("History", data, ours.decode_history, self._cannot("tell its history"))

    async def deregister(self, namespace: str, name: str) -> str:
        """Remove a service, or a file, and what came with it alone. To register it again is a new start.

        Args:
            namespace: where.
            name: of the service, full or short, or of the file.

        Returns:
            The id of what was removed.

        Raises:
            NotFoundError: there is none.
            ConflictError: other files or services need the file.
            MeshError: the registry is away, or refuses; the original cannot do it.
        """
        data = ours.encode_deregister(_text("namespace", namespace), _text("name", name))
        return await self._either(
            "Deregister", data, ours.decode_deregistered, self._cannot("remove anything")
        )

    async def _either(
        self, method: str, data: bytes, decode: Callable[[bytes], T], simply: Callable[[], Awaitable[T]]
    ) -> T:
        """Ask our own service, and where there is none the original's."""
        try:
            answer, _ = await self.send(f"{OURS}{method}", data)
        except UnimplementedError:
            return await simply()
        return decode(answer)

    def _cannot(self, what: str) -> Callable[[], Awaitable[T]]:
        async def refuse() -> T:
            raise UnimplementedError(f"the registry at {self.address} is the original, which cannot {what}")

        return refuse

    async def _register_simply(
        self, namespace: str, files: Sequence[bytes], services: Sequence[tuple[str, bytes | None]]
    ) -> tuple[RegisteredName, ...]:
        done: list[RegisteredName] = []
        for name, descriptor in services:
            file = next((one for one in files if original.service_in(one, name) is not None), None)
            service = descriptor if file is None else original.service_in(file, name)
            if service is None:
                raise InvalidCallError(f"no file has the service {quoted(name)}")
            if file is not None:
                others = [one for one in files if one is not file]
                data = original.encode_register_proto(namespace, file, others)
                await self._registered("RegisterProto", data, "")
            data = original.encode_register_service(namespace, service, file)
            what = f"{namespace}/{original.name_in(service)}"
            done.append(await self._registered("RegisterService", data, what))
        if not services:
            for position, file in enumerate(files):
                data = original.encode_register_proto(namespace, file, files[:position])
                done.append(await self._registered("RegisterProto", data, namespace))
        return tuple(done)

    async def _registered(self, method: str, data: bytes, what: str) -> RegisteredName:
        try:
            answer, _ = await self.send(f"{ORIGINAL}{method}", data)
        except ConflictError:
            # The original says so of everything that it has already, whatever is in it.
            return RegisteredName(what, "unchanged")
        decode = original.decode_proto_id if method == "RegisterProto" else original.decode_service_id
        return RegisteredName(decode(answer), "registered")


def _text(name: str, value: object) -> str:
    """A text that can be sent.

    Raises:
        TypeError: it is no text.
        InvalidCallError: it is no valid Unicode.
    """
    text = text_argument(name, value)
    if not is_unicode(text):
        raise InvalidCallError(f"{name} must be valid Unicode, got {quoted(text)}")
    return text
