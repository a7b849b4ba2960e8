"""A name server on a port of this machine, which says what a test has it say."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@attrs.define
class DnsServer:
    """The server.

    Attributes:
        address: IP:PORT of it.
        records: by name, without the last dot, and kind: the texts of the records.
        seconds: the time to live of all of them.
        answer: what is said in place of the records, as bytes; None says nothing at all.
        asked: how many questions have come.
    """

    address: str = ""
    records: dict[tuple[str, str], Sequence[str]] = attrs.field(factory=dict)
    seconds: int = 1
    answer: Callable[[dns.message.Message], bytes | None] | None = None
    asked: int = 0

    def reply(self, data: bytes) -> bytes | None:
        """What is answered to a question."""
        self.asked += 1
        question = dns.message.from_wire(data)
        if self.answer is not None:
            return self.answer(question)
        return self.told(question).to_wire(max_size=65535)

    def told(self, question: dns.message.Message) -> dns.message.Message:
        """The answer from the records."""
        response = dns.message.make_response(question)
        response.flags |= dns.flags.RA
        asked = question.question[0]
        name = asked.name.to_text(omit_final_dot=True)
        texts = self.records.get((name, asked.rdtype.name), ())
        if texts:
            response.answer.append(
                dns.rrset.from_text_list(asked.name, self.seconds, "IN", asked.rdtype.name, texts)
            )
        elif not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        answer = self._server.reply(data)
        if answer is not None:
            self._transport.sendto(answer, address)


@asynccontextmanager
async def name_server() -> AsyncIterator[DnsServer]:
    """A server that is asked over UDP."""
    server = DnsServer()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Protocol(server), local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    server.address = f"{host}:{port}"
    try:
        yield server
    finally:
        transport.close()
