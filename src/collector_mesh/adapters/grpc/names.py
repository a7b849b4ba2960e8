"""The names in a certificate, read from its file: the standard library tells only those of the other end."""

import ipaddress

from collector_mesh.adapters.grpc.der import fields_of, parts
from collector_mesh.domain.model.identity import Identity

_EXTENSIONS = 0xA3
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")  # 2.5.29.17
_DNS, _URI, _ADDRESS = 0x82, 0x86, 0x87


def names_in(pem: bytes) -> Identity:
    """The subject alternative names of the first certificate of a file.

    Raises:
        ValueError: there is none, or it is no certificate.
    """
    found: dict[int, list[str]] = {_DNS: [], _URI: [], _ADDRESS: []}
    for kind, content in _alternative_names(pem):
        if kind == _ADDRESS:
            found[kind].append(str(ipaddress.ip_address(content)))
        elif kind in found:
            found[kind].append(content.decode(errors="replace"))
    return Identity(tuple(found[_DNS]), tuple(found[_URI]), tuple(found[_ADDRESS]))


def _alternative_names(pem: bytes) -> list[tuple[int, bytes]]:
    for kind, content in fields_of(pem):
        if kind != _EXTENSIONS:
            continue
        for _, extension in parts(next(parts(content), (0, b""))[1]):
            # The name of it, perhaps whether it is critical, its value.
            (_, name), *_, (_, value) = parts(extension)
            if name == _ALTERNATIVE_NAMES:
                return list(parts(next(parts(value), (0, b""))[1]))
    return []
