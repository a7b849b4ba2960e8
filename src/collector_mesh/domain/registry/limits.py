"""How much a registry takes, and what names in it may look like."""

import re
from collections.abc import Iterable

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.names import text_argument
from collector_mesh.domain.ports.registry_store import Kept, Write
from collector_mesh.domain.registry.catalogue import Catalogue
from collector_mesh.domain.registry.closure import MAX_FILES

FILE_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*")
"""What the name of a file matches, whole: a path with slashes, of which no part begins with a dot."""

MAX_FILE_NAME = 512
"""Longest name of a file, in characters."""

MAX_BY = 256
"""Characters that are kept of who has registered something."""

MAX_PAGE = 1000
"""Most entries of a page."""


@attrs.frozen
class RegistryLimits:
    """How much a registry takes; beyond it registering is refused, and what is there stays.

    Attributes:
        namespaces: namespaces, those of which only the history is left included.
        files: files of a namespace.
        services: services of a namespace.
        namespace_bytes: bytes of the descriptors of a namespace.
        total_bytes: bytes of all descriptors.
        given_files: files that come together.
        given_bytes: bytes of the files that come together.
        history_of_name: changes that are kept of one file or service; the oldest goes first.
        history_of_namespace: changes that are kept of a namespace, those of what is gone included.
    """

    namespaces: int = 1024
    files: int = 4096
    services: int = 4096
    namespace_bytes: int = 64 << 20
    total_bytes: int = 1 << 30
    given_files: int = MAX_FILES
    given_bytes: int = 10 << 20
    history_of_name: int = 100
    history_of_namespace: int = 10_000

    @property
    def kept(self) -> Kept:
        """How much history a store keeps."""
        return Kept(self.history_of_name, self.history_of_namespace)

    def check_given(self, sizes: Iterable[int]) -> None:
        """See that files may come together, by their sizes in bytes.

        Raises:
            InvalidCallError: there are too many, or they are too large.
        """
        each = list(sizes)
        if len(each) > self.given_files:
            raise InvalidCallError(
                f"{len(each)} files are given, at most {self.given_files} are taken at once"
            )
        if sum(each) > self.given_bytes:
            raise InvalidCallError(
                f"the given files have {sum(each)} bytes, at most {self.given_bytes} are taken at once"
            )

    def check_write(self, before: Catalogue, write: Write) -> None:
        """See that there is room for what is to be written.

        Raises:
            InvalidCallError: there is not; the text says of what there is too much.
        """
        after = before.after(write, before.revision)
        where = f"in namespace {quoted(write.namespace)}"
        grown = after.size - before.size
        is_first = not before.revision
        for what, count, most, is_more in (
            ("namespaces in the registry", before.namespaces + 1, self.namespaces, is_first),
            (f"files {where}", len(after.files), self.files, len(after.files) > len(before.files)),
            (
                f"services {where}",
                len(after.services),
                self.services,
                len(after.services) > len(before.services),
            ),
            (f"bytes of descriptors {where}", after.size, self.namespace_bytes, grown > 0),
            ("bytes of descriptors in the registry", before.total_bytes + grown, self.total_bytes, grown > 0),
        ):
            # What makes room, or needs none, goes on where a limit was lowered.
            if is_more and count > most:
                raise InvalidCallError(f"there would be {count} {what}, at most {most} are allowed")


def check_file_name(name: str, what: str = "file descriptor name") -> None:
    """Check the name of a file.

    Raises:
        InvalidCallError: it is empty, too long, or no path.
        TypeError: it is no text.
    """
    text_argument(what, name)
    if not name:
        raise InvalidCallError(f"{what} is required")
    if len(name) > MAX_FILE_NAME or not FILE_NAME.fullmatch(name):
        raise InvalidCallError(
            f"{what} must match {FILE_NAME.pattern} and have at most {MAX_FILE_NAME} characters,"
            f" got {quoted(name)}"
        )
