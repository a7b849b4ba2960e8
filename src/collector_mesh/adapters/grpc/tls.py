"""Certificates: what a collector shows, and whom it believes."""

import ssl
from pathlib import Path

import attrs
import grpc

from collector_mesh.adapters.grpc.names import names_in
from collector_mesh.adapters.runtime.regular_files import read_regular
from collector_mesh.domain.model.identity import Identity

_MAX_BYTES = 8 << 20
"""The authorities of a machine take some 250 KiB."""


class TlsError(ValueError):
    """Certificate files that cannot be used; the text names them."""


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


@attrs.frozen
class Tls:
    """Files for TLS, PEM, read when a collector begins to listen and at each new connection.

    Attributes:
        cert: the certificate chain to show; needed to listen.
        key: its private key.
        ca: the authorities to trust. A collector that listens with them asks its callers for a certificate as
            well (mutual TLS). Without them, a dialer trusts the authorities of its machine.
        server_name: the name to look for in the certificate of the other side, if it is not the
            host that is dialed.

    Raises:
        TlsError: there is a certificate without a key, or a key without a certificate.
    """

    cert: Path | None = attrs.field(default=None, converter=_path)
    key: Path | None = attrs.field(default=None, converter=_path)
    ca: Path | None = attrs.field(default=None, converter=_path)
    server_name: str | None = None

    def __attrs_post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise TlsError("a TLS certificate needs its key, and a key its certificate")

    @property
    def is_mutual(self) -> bool:
        """Whether callers have to show a certificate."""
        return self.ca is not None

    def check(self) -> None:
        """Read the files and see whether they fit together.

        Raises:
            TlsError: a file cannot be read, is no certificate, or the key is of another one.
        """
        for path in (self.cert, self.key, self.ca):
            if path is not None:
                read(path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.cert is not None:
            try:
                context.load_cert_chain(self.cert, self.key, password="")
            except (ssl.SSLError, OSError, ValueError) as error:
                raise TlsError(
                    f"{self.cert} and {self.key} are not a certificate and its key: {error}"
                ) from error
        if self.ca is not None:
            try:
                context.load_verify_locations(self.ca)
            except (ssl.SSLError, OSError) as error:
                raise TlsError(f"{self.ca} holds no certificates: {error}") from error

    def identity(self) -> Identity:
        """The names in the certificate that is shown.

        Raises:
            TlsError: there is none, or it cannot be read.
        """
        if self.cert is None:
            raise TlsError("there is no certificate")
        try:
            return names_in(read(self.cert))
        except ValueError as error:
            raise TlsError(f"{self.cert} cannot be read: {error}") from error

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """What a dialer shows and believes.

        Raises:
            TlsError: see `check`.
        """
        self.check()
        return grpc.ssl_channel_credentials(
            read(self.ca) if self.ca else None,
            read(self.key) if self.key else None,
            read(self.cert) if self.cert else None,
        )


def read(path: Path) -> bytes:
    """The content of a file.

    Raises:
        TlsError: it cannot be read, or is too large.
    """
    try:
        content, _ = read_regular(path, _MAX_BYTES + 1)
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise TlsError(f"cannot read {path}: {error}") from error
    if len(content) > _MAX_BYTES:
        raise TlsError(f"cannot read {path}: has more than {_MAX_BYTES >> 20} MiB")
    return content
