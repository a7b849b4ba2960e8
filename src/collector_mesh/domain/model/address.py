"""Addresses of the kind HOST:PORT."""

import ipaddress
import re
from contextlib import suppress

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.texts import without_credentials

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%a-z]{2,64})\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")

_C_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9}")
"""A part of an IPv4 address as C reads it."""

_UNIX = ("unix:", "unix-abstract:")
"""What addresses of sockets of one machine begin with."""


@attrs.frozen
class HostPort:
    """A host and a TCP port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, field: str = "address") -> "HostPort":
        """Read HOST:PORT, where HOST is a name, an IPv4 address or an IPv6 address in brackets.

        Raises:
            InvalidCallError: it is not; the text says what is allowed.
        """
        if not text:
            raise InvalidCallError(f"{field} is required")
        match = _ADDRESS.fullmatch(text)
        if match and int(match["port"]) <= 65535:
            if match["six"] and _is_ipv6(match["six"]):
                return cls(match["six"], int(match["port"]))
            if match["host"] and _HOST.fullmatch(match["host"]):
                return cls(match["host"], int(match["port"]))
        raise InvalidCallError(
            f"{field} must be HOST:PORT with a port from 0 to 65535, got {quoted(without_credentials(text))}"
        )

    @property
    def is_loopback(self) -> bool:
        """Whether it can only be this machine: 127.0.0.0/8, ::1 or `localhost`, however it is spelled."""
        if _is_localhost(self.host):
            return True
        address = _ip(self.host)
        return address is not None and address.is_loopback

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every address of this machine, so that nobody can dial it, however it is spelled."""
        address = _ip(self.host)
        return address is not None and address.is_unspecified

    @property
    def is_numeric(self) -> bool:
        """Whether it is an IP address, which nobody has to look up."""
        return _ip(self.host) is not None

    @property
    def is_ipv6(self) -> bool:
        """Whether it is an IPv6 address that is no IPv4 one."""
        return isinstance(_ip(self.host), ipaddress.IPv6Address)

    @property
    def plain(self) -> "HostPort":
        """The same as everybody spells it: an IPv4 address in a short form as four numbers, and `localhost`."""
        if _is_localhost(self.host):
            return HostPort("localhost", self.port)
        address = None if ":" in self.host else _ip(self.host)
        return self if address is None else HostPort(str(address), self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def host_of(address: str) -> str:
    """Where somebody is, without the port; of an address in another form than HOST:PORT all of it.

    IPv4 written as IPv6 is the same host, and all who come over a socket of the machine itself are one.
    """
    if address.startswith(_UNIX):
        return _UNIX[0]
    host, has_port, port = address.rpartition(":")
    if not (has_port and port.isdecimal()):
        return address
    if ":" in host:
        with suppress(ValueError):
            mapped = ipaddress.IPv6Address(host.strip("[]")).ipv4_mapped
            return host if mapped is None else str(mapped)
    return host


def _is_localhost(host: str) -> bool:
    # Names are the same in capital letters, and where it is said that they are whole.
    return host.lower().removesuffix(".") == "localhost"


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a host is, in any spelling that systems take for one; None for a name."""
    try:
        if ":" not in host:
            return ipaddress.IPv4Address(host)
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return _short_ipv4(host)
    return address if address.ipv4_mapped is None else address.ipv4_mapped


def _short_ipv4(host: str) -> ipaddress.IPv4Address | None:
    """An IPv4 address as C reads it: one to four numbers, decimal, octal or hexadecimal; the last fills what is left."""
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_C_NUMBER.fullmatch, parts)):
        return None
    # Python spells octal otherwise.
    numbers = [int(part, 16 if part[:2] in {"0x", "0X"} else 8 if part[0] == "0" else 10) for part in parts]
    *first, last = numbers
    left = 8 * (4 - len(first))
    if any(number > 255 for number in first) or last >= 1 << left:
        return None
    whole = last
    for position, number in enumerate(first):
        whole |= number << (24 - 8 * position)
    return ipaddress.IPv4Address(whole)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
