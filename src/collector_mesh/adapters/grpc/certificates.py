"""What a listener shows: certificate files that are read again when they have changed."""

import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

import attrs
import grpc

from collector_mesh.adapters.grpc.tls import Tls, TlsError, read
from collector_mesh.adapters.grpc.validity import validity_of


class Notice(Enum):
    """What there is to tell of certificates."""

    UNUSABLE = "unusable"
    EXPIRED = "expired"
    EXPOSED = "exposed"
    RENEWED = "renewed"


@attrs.frozen
class Files:
    """The content of the files."""

    cert: bytes
    key: bytes
    ca: bytes | None

    @classmethod
    def of(cls, tls: Tls) -> "Files":
        """Read them.

        Raises:
            TlsError: one cannot be read, or there is no certificate.
        """
        if tls.cert is None or tls.key is None:
            raise TlsError("a collector that listens with TLS needs a certificate and its key")
        return cls(read(tls.cert), read(tls.key), read(tls.ca) if tls.ca else None)

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """The same for grpc."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.cert)], self.ca)


class ServerCertificates:
    """The certificate of a listener, over all the servers that it has one after the other.

    Args:
        tls: where the files are.
        tell: told what is wrong or new, in whatever thread it is noticed.
        on_handshake: called when somebody has connected, before hands are shaken, in a thread of grpc.

    Raises:
        TlsError: see `Tls.check`; or there is no certificate.
    """

    def __init__(
        self, tls: Tls, *, tell: Callable[[Notice, str], None], on_handshake: Callable[[], None]
    ) -> None:
        self._tls = tls
        self._tell = tell
        self._on_handshake = on_handshake
        self._lock = threading.Lock()
        self._refused: Files | None = None
        self._refusal = ""
        self._is_exposed = False
        self._shown = _checked(tls)
        self._see_key()

    def credentials(self) -> grpc.ServerCredentials:
        """For one server: grpc's own cannot be used by a second one."""
        begun = self._shown

        def newer() -> grpc.ServerCertificateConfiguration | None:
            nonlocal begun
            self._on_handshake()
            self.look()
            if self._shown is begun:
                return None
            begun = self._shown
            return begun.configuration()

        return grpc.dynamic_ssl_server_credentials(
            begun.configuration(),
            newer,  # type: ignore[arg-type]  # None stands for "as before", which the stubs do not know
            require_client_authentication=self._tls.is_mutual,
        )

    def look(self) -> None:
        """See whether the files have changed, and whether those in use are still good."""
        with self._lock:
            try:
                self._look()
            except TlsError as error:
                self._tell(Notice.UNUSABLE, str(error))
            if problem := _problem(self._shown):
                self._tell(Notice.EXPIRED, f"{self._tls.cert} {problem}")
            self._see_key()

    def _look(self) -> None:
        found = Files.of(self._tls)
        # Times of change tell too little: a file may be replaced by one that is as old.
        if found == self._shown:
            return
        if found == self._refused:
            raise TlsError(self._refusal)
        try:
            checked = _checked(self._tls)
        except TlsError as error:
            self._refused, self._refusal = found, str(error)
            raise
        if (problem := _problem(checked)) and not _problem(self._shown):
            # It may become good: it is looked at again.
            raise TlsError(f"{self._tls.cert} {problem}")
        self._shown = checked
        self._tell(Notice.RENEWED, str(self._tls.cert))

    def _see_key(self) -> None:
        was_exposed, key = self._is_exposed, self._tls.key
        with suppress(OSError):  # it is just being replaced
            self._is_exposed = key is not None and bool(key.stat().st_mode & stat.S_IROTH)
        if self._is_exposed and not was_exposed:
            self._tell(Notice.EXPOSED, f"{key} can be read by every user of this machine")


def _problem(files: Files) -> str:
    """What is wrong with the time of a certificate; empty if nothing is, or it cannot be told."""
    validity = validity_of(files.cert)
    return "" if validity is None else validity.problem(time.time())


def _checked(tls: Tls) -> Files:
    """The files, which fit together.

    Raises:
        TlsError: they do not, or are just being replaced.
    """
    files = Files.of(tls)
    tls.check()
    if Files.of(tls) != files:
        raise TlsError(f"{tls.cert} and {tls.key} are just being replaced")
    return files
