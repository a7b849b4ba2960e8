"""Until when certificates are good, read from their files: the standard library does not tell."""

import datetime as dt
import re
import ssl
from collections.abc import Iterator

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _UTC_TIME, _GENERAL_TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0


def not_after(pem: bytes) -> float | None:
    """When the first certificate of a file has expired, in seconds since the epoch.

    None where the file has none, or one that cannot be read.
    """
    found = _CERTIFICATE.search(pem.decode("ascii", "replace"))
    if not found:
        return None
    try:
        return _until(ssl.PEM_cert_to_DER_cert(found[0]))
    except (ValueError, IndexError, StopIteration):
        return None


def _until(der: bytes) -> float:
    certificate = next(_parts(der))[1]
    fields = _parts(next(_parts(certificate))[1])
    kind, _ = next(fields)
    if kind == _VERSION:
        next(fields)  # the serial number; without a version it was that already
    next(fields)  # how it is signed
    next(fields)  # by whom
    _, (kind, until) = _parts(next(fields)[1])
    text = until.decode("ascii")
    if kind == _UTC_TIME:  # two digits of the year, from 1950 to 2049
        text = ("20" if text[:2] < "50" else "19") + text
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of what follows on each other, in DER."""
    at = 0
    while at < len(data):
        kind, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("cut off")
        yield kind, data[at : at + length]
        at += length
