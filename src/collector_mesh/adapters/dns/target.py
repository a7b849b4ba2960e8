"""What is asked for: `dns:NAME:PORT`, or `dns:_SERVICE._PROTOCOL.NAME`."""

import ipaddress
import re

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.texts import without_credentials

PREFIX = "dns:"

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_SERVICE = re.compile(rf"_[A-Za-z0-9-]{{1,62}}\._[A-Za-z0-9-]{{1,62}}\.{_LABEL}(\.{_LABEL})*\.?")
_SERVER = re.compile(r"(\[(?P<six>[^\[\]]+)\]|(?P<four>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_LONGEST = 253


@attrs.frozen
class Target:
    """A name that is looked up.

    Attributes:
        name: as the server is asked for it.
        port: of the addresses; 0 where the server tells it (SRV).
    """

    name: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read one.

        Raises:
            InvalidCallError: it is none; the text says what is allowed.
        """
        name, has_port, port = text.removeprefix(PREFIX).partition(":")
        if name.startswith("_"):
            if has_port or len(name) > _LONGEST or not _SERVICE.fullmatch(name):
                raise _malformed(text)
            return cls(name, 0)
        if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) <= 65535):
            raise _malformed(text)
        if len(name) > _LONGEST or not _NAME.fullmatch(name):
            raise _malformed(text)
        return cls(name, int(port))


def server_of(text: str) -> tuple[str, int]:
    """The address and the port of a name server, written `IP`, `IP:PORT` or `[IP]:PORT`.

    Raises:
        ValueError: it is something else.
    """
    host, port = text, "53"
    if match := _SERVER.fullmatch(text):
        host, port = match["six"] or match["four"], match["port"]
    ipaddress.ip_address(host)
    if not 0 < int(port) <= 65535:
        raise ValueError(f"no port: {port}")
    return host, int(port)


def _malformed(text: str) -> InvalidCallError:
    return InvalidCallError(
        "address must be dns:NAME:PORT with a port from 1 to 65535, or dns:_SERVICE._PROTOCOL.NAME without one"
        f" (SRV), got {quoted(without_credentials(text))}"
    )
