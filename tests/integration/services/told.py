"""A collector that is told by lines on stdin what to do, and answers by lines of JSON; it runs with any version."""

import asyncio
import json
import sys
from collections import Counter

from collector_mesh import CallContext, Collector, MeshClient, Payload, Service


def service(namespace: str, name: str) -> Service:
    """Says who runs it."""
    made = Service(namespace, name)

    @made.method("Who", idempotent=True)
    async def who(request: Payload, context: CallContext) -> Payload:
        await asyncio.sleep(0.002)
        return Payload("text", request.value + b" at " + context.collector_id.encode())

    return made


class Told:
    """One collector, and the calls that it makes without a pause."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._codes: Counter[int] = Counter()
        self._load: list[asyncio.Task[None]] = []
        self._is_over = False

    async def connect(self, address: str) -> str:
        """Connect, and keep connected."""
        return (await self._collector.connect(address, timeout=60.0)).peer_id

    async def dispatch(self, namespace: str, name: str, size: str) -> list[object]:
        """One call with a request of so many bytes."""
        payload = Payload("text", b"x" * int(size))
        reply = await self._collector.dispatch(namespace, name, "Who", payload, timeout=60.0)
        return [reply.status.code, reply.handled_by, len(reply.payload.value)]

    async def client(self, address: str, namespace: str, name: str) -> list[object]:
        """One call of a client."""
        async with MeshClient(address) as client:
            reply = await client.dispatch(namespace, name, "Who", Payload("text", b"x"), timeout=60.0)
        return [reply.status.code, reply.handled_by, len(reply.payload.value)]

    async def add(self, namespace: str, name: str) -> str:
        """Serve something else too."""
        self._collector.add_service(service(namespace, name))
        return "added"

    async def remove(self, namespace: str, name: str) -> str:
        """Serve it no longer."""
        self._collector.remove_service(service(namespace, name))
        return "removed"

    async def load(self, namespace: str, name: str) -> str:
        """Make calls without a pause, until `codes` is asked for."""
        self._load = [asyncio.create_task(self._work(namespace, name)) for _ in range(8)]
        return "begun"

    async def codes(self) -> dict[int, int]:
        """End that; how often each code was the answer."""
        self._is_over = True
        await asyncio.gather(*self._load)
        return dict(self._codes)

    async def made(self) -> int:
        """How many of those calls have been answered."""
        return self._codes.total()

    async def _work(self, namespace: str, name: str) -> None:
        while not self._is_over:
            reply = await self._collector.dispatch(
                namespace, name, "Who", Payload("text", b"x"), timeout=60.0
            )
            self._codes[reply.status.code] += 1


async def main(collector_id: str, served: str) -> None:
    """Do what is asked, one thing after the other, until there is nothing more; then drain."""
    loop = asyncio.get_running_loop()
    async with Collector(
        collector_id,
        listen="127.0.0.1:0",
        namespaces=["shared", "this", "earlier", "work"],
        services=[service(served, "Own")],
    ) as collector:
        told = Told(collector)
        sys.stdout.write(json.dumps(collector.address) + "\n")
        sys.stdout.flush()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            verb, *arguments = line.split()
            answer = await getattr(told, verb)(*arguments)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
