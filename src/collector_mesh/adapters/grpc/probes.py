"""Looks why a dial has failed, where grpc does not tell: by a connection of its own, bounded in time and number."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs

from collector_mesh.adapters.grpc.failures import Failure, Kind, failure_of
from collector_mesh.adapters.grpc.names import names_in
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.adapters.grpc.validity import validity_of
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError

_SECONDS = 1.5
"""How long one look may take."""

_WORD_SECONDS = 0.3
"""How long the other side may take to say after the handshake why it does not want this side."""

_AGAIN_SECONDS = 10.0
"""A look at an address that still fails in the same way counts for so long."""

_MAX_KEPT = 256
"""Addresses of which it is kept what the last look has found."""

_MAX_NAMES = 5
"""Names of a certificate that are told."""

_VAGUE = frozenset({Kind.WRONG_NAME, Kind.EXPIRED, Kind.NOT_YET, Kind.CLOSED})
"""Failures of which a look tells more."""


@attrs.define
class _Look:
    """What was found at an address the last time."""

    lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    seen: Failure | None = None
    found: Failure | None = None
    until: float = 0.0


class Probes:
    """Finds out why nobody is reached at an address.

    Args:
        tls: what dials show and believe; None for plaintext.
        now: tells the time, in seconds.
        host_name: the name that an address was found by, which the certificate has to have.
    """

    def __init__(
        self,
        tls: Tls | None,
        now: Callable[[], float],
        host_name: Callable[[str], str | None] = lambda _address: None,
    ) -> None:
        self._host_name = host_name
        self._tls = tls
        self._now = now
        self._looks: dict[str, _Look] = {}

    async def why(self, address: str, details: str) -> Failure:
        """Why a dial has failed that grpc tells these details of; it takes 2 s at most."""
        seen = failure_of(details)
        if seen.kind not in _VAGUE:
            return seen
        try:
            parsed = HostPort.parse(address)
        except InvalidCallError:
            # A socket of this machine.
            return seen
        look = self._look_at(address)
        # Whoever reads and whoever writes may ask at the same time.
        async with look.lock:
            if look.seen != seen or look.found is None or self._now() >= look.until:
                look.found = await self._found(parsed, seen, self._host_name(address))
                look.seen, look.until = seen, self._now() + _AGAIN_SECONDS
            return look.found

    async def silent(self, address: str, seconds: float) -> Failure:
        """Why nobody has answered at an address so far, where grpc goes on trying; takes so many seconds at most."""
        parsed = HostPort.parse(address)
        try:
            async with asyncio.timeout(seconds), _connection(parsed):
                return Failure(Kind.SILENT)
        except TimeoutError:
            return Failure(Kind.TIMED_OUT)
        except OSError as error:
            return failure_of(str(error))

    def _look_at(self, address: str) -> _Look:
        look = self._looks.pop(address, None) or _Look()
        if len(self._looks) >= _MAX_KEPT:
            del self._looks[next(iter(self._looks))]
        self._looks[address] = look
        return look

    async def _found(self, address: HostPort, seen: Failure, name: str | None) -> Failure:
        try:
            async with asyncio.timeout(_SECONDS):
                if self._tls is None:
                    return await _over_plaintext(address, seen)
                return await _over_tls(address, self._tls, seen, self._tls.server_name or name)
        except (OSError, ValueError) as error:
            # Which one of them says it in words of the system.
            found = failure_of(str(error))
            return seen if found.kind is Kind.OTHER else found


async def _over_plaintext(address: HostPort, seen: Failure) -> Failure:
    """Whether whoever has hung up on plaintext speaks TLS."""
    try:
        async with _connection(address, _context(None)):
            return Failure(Kind.PLAINTEXT_TO_TLS)
    except ssl.SSLError as error:
        # An alert is said by nobody else.
        return Failure(Kind.PLAINTEXT_TO_TLS) if "ALERT" in (error.reason or "") else seen


async def _over_tls(address: HostPort, tls: Tls, seen: Failure, name: str | None) -> Failure:
    """What is wrong with the certificate of the other side, or what it says of the one of this side."""
    try:
        async with _connection(address, _context(tls), name) as (reader, certificate):
            if seen.kind is Kind.CLOSED:
                return await _of_farewell(reader, tls) or seen
    except ssl.SSLError as error:
        return _of_alert(error, tls) or seen
    return _of_certificate(certificate, name or address.host, seen)


async def _of_farewell(reader: asyncio.StreamReader, tls: Tls) -> Failure | None:
    """What it means that somebody goes whose handshake is done: certificates of callers are looked at after that.

    grpc's own servers do not send an alert then, others do.
    """
    try:
        async with asyncio.timeout(_WORD_SECONDS):
            has_spoken = await reader.read(1) != b""
    except TimeoutError:
        return None
    except ConnectionError:
        has_spoken = False
    if has_spoken:
        return None
    return Failure(Kind.NO_CERTIFICATE if tls.cert is None else Kind.CERTIFICATE_REFUSED)


def _of_alert(error: ssl.SSLError, tls: Tls) -> Failure | None:
    found = failure_of(error.reason or str(error))
    if found.kind is Kind.CERTIFICATE_REFUSED and tls.cert is None:
        return Failure(Kind.NO_CERTIFICATE)
    return None if found.kind is Kind.OTHER else found


def _of_certificate(der: bytes, wanted: str, seen: Failure) -> Failure:
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    if seen.kind is Kind.WRONG_NAME:
        names = names_in(pem)
        told = [*names.dns_names, *names.addresses]
        more = f" and {len(told) - _MAX_NAMES} more" if len(told) > _MAX_NAMES else ""
        got = ", ".join(repr(name[:100]) for name in told[:_MAX_NAMES]) or "no name of a host"
        return Failure(Kind.WRONG_NAME, f"wanted {wanted[:100]!r}, got {got}{more}")
    validity = validity_of(pem)
    if validity is None:
        return seen
    begins, ends = validity.texts
    return Failure(seen.kind, f"at {ends}" if seen.kind is Kind.EXPIRED else f"before {begins}")


def _context(tls: Tls | None) -> ssl.SSLContext:
    """For a look: nothing is said over it, so whoever is there is shown to be whoever it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if tls is not None and tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key, password="")
    return context


@asynccontextmanager
async def _connection(
    address: HostPort, context: ssl.SSLContext | None = None, name: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, bytes]]:
    """A connection, and the certificate of the other side where it has shown one."""
    reader, writer = await asyncio.open_connection(
        address.host,
        address.port,
        ssl=context,
        server_hostname=None if context is None else name or address.host,
    )
    try:
        shown = writer.get_extra_info("ssl_object")
        yield reader, (shown.getpeercert(binary_form=True) if shown is not None else None) or b""
    finally:
        writer.transport.abort()
