"""Addresses of the kind HOST:PORT."""

import ipaddress
import re
from contextlib import suppress

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%a-z]{2,64})\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")

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
        raise InvalidCallError(f"{field} must be HOST:PORT with a port from 0 to 65535, got {quoted(text)}")

    @property
    def is_loopback(self) -> bool:
        """Whether it can only be this machine: 127.0.0.0/8, ::1 or `localhost`."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every address of this machine, so that nobody can dial it."""
        return self.host in {"0.0.0.0", "::"}  # noqa: S104  # a comparison, nothing is bound

    @property
    def is_numeric(self) -> bool:
        """Whether it is an IP address, which nobody has to look up."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

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


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
