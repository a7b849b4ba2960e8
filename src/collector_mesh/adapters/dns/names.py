"""Names in the DNS: their addresses, or the places that a service has there."""

import asyncio
import ipaddress
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import attrs

from collector_mesh.adapters.dns.target import PREFIX, Target, server_of
from collector_mesh.domain.model.errors import InvalidCallError, UnavailableError, clipped, quoted, text_of
from collector_mesh.domain.ports.names import Found, Names

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

FIND_SECONDS = 3.0
"""How long a look may take, all questions together."""

_SPARE = 1 / 6
"""The part of it that is left when questions are given up: what others have answered is made use of in that time."""

_SILENT = "no server answers"
_TRY_SECONDS = 1.0
_AT_ONCE = 8
_MAX_PLACES = 256
"""Places of a service whose addresses are looked up."""

_MAX_ORIGINS = 4096


@attrs.frozen
class _Part:
    """What came of one question: addresses, or that there are none, or that nobody knows."""

    hosts: tuple[str, ...] = ()
    seconds: float = float("inf")
    failure: str = ""


class DnsNames:
    """Asks the servers of the system, or others, each time anew: nothing is kept, and `/etc/hosts` is not read.

    Args:
        servers: `IP` or `IP:PORT`, of name servers; those of the system, and its search list, without any.
    """

    def __init__(self, servers: Iterable[str] = ()) -> None:
        self._servers = tuple(servers)
        self._origins: dict[str, str] = {}
        self._resolver: Resolver | None = None

    def origin(self, address: str) -> str | None:
        """The name that an address was found by: certificates are checked against it, not against a number."""
        return self._origins.get(address)

    def is_name(self, address: str) -> bool:
        """See the port."""
        return address.startswith(PREFIX)

    def check(self, address: str) -> None:
        """See the port."""
        Target.parse(address)
        if find_spec("dns") is None:
            raise InvalidCallError(
                f"{quoted(address)} needs dnspython: install it with pip install 'collector-mesh[dns]'"
            )

    async def find(self, address: str) -> Found:
        """See the port."""
        self.check(address)
        target = Target.parse(address)
        until = asyncio.get_running_loop().time() + FIND_SECONDS * (1 - _SPARE)
        try:
            async with asyncio.timeout(FIND_SECONDS):
                if target.port:
                    return await self._hosts(target, until)
                return await self._places(target, until)
        except TimeoutError:
            raise _silence(target.name) from None
        except UnavailableError:
            raise
        except Exception as error:
            # What a server answers may be anything.
            raise UnavailableError(f"{target.name}: {clipped(text_of(error), 200)}") from error

    async def _hosts(self, target: Target, until: float) -> Found:
        return self._found(
            target.name, [(target.name, target.port, await self._addresses(target.name, until))]
        )

    async def _places(self, target: Target, until: float) -> Found:
        """Those that the service has: for each a host and a port."""
        answer = await self._ask(target.name, "SRV", until)
        if isinstance(answer, _Part):
            if answer.failure == _SILENT:
                raise _silence(target.name)
            raise UnavailableError(f"{target.name}: {answer.failure or 'there are no places (SRV)'}")
        places = list(
            dict.fromkeys((record.target.to_text(omit_final_dot=True), record.port) for record in answer)
        )
        places = [(host, port) for host, port in places if host not in ("", ".") and 0 < port <= 65535]
        hosts = list(dict.fromkeys(host for host, _ in places[:_MAX_PLACES]))
        told = _told_beside(answer.response.additional)
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(host: str) -> tuple[_Part, ...]:
            if host in told:
                return (told[host],)
            async with room:
                return await self._addresses(f"{host}.", until)

        parts = dict(zip(hosts, await asyncio.gather(*map(one, hosts)), strict=True))
        found = [(host, port, parts[host]) for host, port in places if host in parts]
        return self._found(target.name, found, most=float(answer.rrset.ttl) if answer.rrset else 0.0)

    def _found(
        self, name: str, places: list[tuple[str, int, tuple[_Part, ...]]], *, most: float = float("inf")
    ) -> Found:
        addresses: dict[str, str] = {}
        failures: dict[str, None] = {}
        seconds = most
        for host, port, parts in places:
            for part in parts:
                seconds = min(seconds, part.seconds)
                if part.failure:
                    failures[part.failure] = None
                for ip in part.hosts:
                    addresses.setdefault(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}", host)
        if not addresses:
            if list(failures) == [_SILENT]:
                raise _silence(name)
            why = "; ".join(failures) or "there is no such name, or it has no addresses"
            raise UnavailableError(clipped(f"{name}: {why}", 300))
        for address, host in addresses.items():
            self._origins.pop(address, None)
            if len(self._origins) >= _MAX_ORIGINS:
                del self._origins[next(iter(self._origins))]
            self._origins[address] = host.removesuffix(".")
        return Found(tuple(addresses), seconds, is_partial=bool(failures))

    async def _addresses(self, name: str, until: float) -> tuple[_Part, ...]:
        four, six = await asyncio.gather(self._ask(name, "A", until), self._ask(name, "AAAA", until))
        return tuple(
            answer
            if isinstance(answer, _Part)
            else _Part(_usable(record.address for record in answer), float(answer.rrset.ttl))
            for answer in (four, six)
        )

    async def _ask(self, name: str, kind: str, until: float) -> Any:
        """What the servers say: an answer with something in it, or a part that says that there is nothing, or why."""
        import dns.exception
        import dns.resolver

        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            return _Part(failure=_SILENT)
        try:
            answer = await self._asking().resolve(
                name, kind, search=True, raise_on_no_answer=False, lifetime=left
            )
        except dns.resolver.NXDOMAIN:
            return _Part()
        except dns.resolver.NoNameservers as error:
            return _Part(failure=_why(error, "no server could answer"))
        except dns.exception.Timeout:
            return _Part(failure=_SILENT)
        except Exception as error:  # noqa: BLE001  # garbage may raise anything
            return _Part(failure=clipped(f"{type(error).__name__}: {error}", 100))
        return answer if answer.rrset is not None and len(answer) else _Part()

    def _asking(self) -> "Resolver":
        if self._resolver is None:
            # Whoever uses names pays for the import.
            import dns.asyncresolver
            import dns.nameserver

            self._resolver = made = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                made.nameservers = [dns.nameserver.Do53Nameserver(*server_of(text)) for text in self._servers]
            made.timeout = _TRY_SECONDS
            made.cache = None
        return self._resolver


def _usable(texts: Iterable[str]) -> tuple[str, ...]:
    """Without what nobody can be reached at."""
    parsed = {text: ipaddress.ip_address(text) for text in texts}
    return tuple(text for text, ip in parsed.items() if not (ip.is_unspecified or ip.is_multicast))


def _told_beside(additional: Iterable[Any]) -> dict[str, _Part]:
    """The addresses of hosts that came with the answer, as far as it is IPv4: whoever tells these tells all."""
    told: dict[str, _Part] = {}
    for records in additional:
        if records.rdtype.name == "A":
            host = records.name.to_text(omit_final_dot=True)
            told[host] = _Part(_usable(record.address for record in records), float(records.ttl))
    return told


def _silence(name: str) -> UnavailableError:
    return UnavailableError(f"no answer for {name} within {FIND_SECONDS:g} s")


def _why(error: Exception, otherwise: str) -> str:
    """What the servers have said that could not answer, shortened: the text of the error repeats the question."""
    told = [each[3] for each in getattr(error, "kwargs", {}).get("errors", ()) if len(each) > 3]
    # An exception may have no text.
    said = [str(each) or type(each).__name__ for each in told]
    return clipped(f"{otherwise} ({', '.join(dict.fromkeys(said))})" if said else otherwise, 200)


if TYPE_CHECKING:
    _fits: type[Names] = DnsNames
