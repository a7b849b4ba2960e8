"""Certificates taken apart, as far as the standard library does not do it: DER."""

import re
import ssl
from collections.abc import Iterator

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION = 0xA0


def fields_of(pem: bytes) -> list[tuple[int, bytes]]:
    """The fields of the first certificate of a file, each with its kind, the serial number first.

    Raises:
        ValueError: there is none, or it is no certificate.
    """
    found = _CERTIFICATE.search(pem.decode("ascii", "replace"))
    if not found:
        raise ValueError("there is no certificate")
    try:
        certificate = next(parts(ssl.PEM_cert_to_DER_cert(found[0])))[1]
        fields = list(parts(next(parts(certificate))[1]))
    except StopIteration as error:
        raise ValueError("it is no certificate") from error
    return fields[1:] if fields and fields[0][0] == _VERSION else fields


def parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of what follows on each other.

    Raises:
        ValueError: the end is missing.
    """
    at = 0
    while at < len(data):
        head = data[at : at + 2]
        at += 2
        if len(head) < 2:
            raise ValueError("cut off")
        kind, length = head
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("cut off")
        yield kind, data[at : at + length]
        at += length
