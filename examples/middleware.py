"""Middleware: who calls, an audit log, and a cache, each around calls of whole services.

    python examples/middleware.py

It runs a mesh in this process, without sockets, and shows what each of the three does.
"""

import asyncio
from collections import OrderedDict
from contextvars import ContextVar

from collector_mesh import (
    Collector,
    DispatchNext,
    ForbiddenError,
    IncomingCall,
    LoopbackNetwork,
    Middleware,
    OutgoingCall,
    Reply,
    ServeNext,
    Service,
)

USER: ContextVar[str] = ContextVar("user")


class WhoCalls(Middleware):
    """Carries the user of the current request from collector to collector, and has handlers find it in USER."""

    async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
        """Pass on the user of the code that calls."""
        user = USER.get("")
        if not user:
            return await call_next(call)
        others = tuple(pair for pair in call.metadata if pair[0] != "user")
        return await call_next(call.replace(metadata=(*others, ("user", user))))

    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        """Let nobody in whose user is not known."""
        user = dict(call.metadata).get("user")
        if not isinstance(user, str):
            raise ForbiddenError(f"{call.namespace}/{call.service} needs a user")
        USER.set(user)
        return await call_next(call)


class Audit(Middleware):
    """Takes down who has called what, and what came of it; never what was in it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        """Take down one call."""
        reply = await call_next(call)
        who = call.caller or call.source or "this process"
        self.lines.append(f"{who} {call.service}.{call.method} {reply.status.code}")
        return reply


class Cache(Middleware):
    """Keeps the replies of methods that change nothing; those of a restart are gone.

    Args:
        methods: `SERVICE.METHOD` of each.
        most: replies that it keeps.
    """

    def __init__(self, *methods: str, most: int = 1000) -> None:
        self._methods = frozenset(methods)
        self._most = most
        self._kept: OrderedDict[object, Reply] = OrderedDict()

    async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
        """Answer from what is kept, or keep the answer."""
        if f"{call.service}.{call.method}" not in self._methods:
            return await call_next(call)
        # With the metadata: what one user may see is not for another one.
        key = call.method_key, call.payload, call.metadata, call.target
        if key in self._kept:
            return call.reply(self._kept[key].payload)
        reply = await call_next(call)
        if reply.status.code == 200:
            self._kept[key] = reply
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return reply


def prices() -> Service:
    """A service that asks for a user, and counts how often it is asked."""
    service = Service("shop", "Prices", middleware=[WhoCalls()])
    asked = 0

    @service.method(idempotent=True)
    async def Of(article: str) -> str:  # noqa: N802  # the name of the method
        nonlocal asked
        asked += 1
        return f"{article} costs 3 for {USER.get()}, asked {asked} times"

    return service


async def main() -> None:
    """Ask for a price without a user, and twice with one."""
    network, audit = LoopbackNetwork(), Audit()
    async with (
        Collector("prices", transport=network, services=[prices()], middleware=[audit]),
        Collector(
            "web",
            transport=network,
            namespaces=["shop"],
            peers=["prices"],
            middleware=[WhoCalls(), Cache("Prices.Of")],
        ) as web,
    ):
        await web.wait_for(peers="all")
        print((await web.dispatch("shop", "Prices", "Of", "tea")).status.message)
        USER.set("ann")
        for _ in range(2):
            print(await web.call("shop", "Prices", "Of", "tea", returns=str))
        print(", ".join(audit.lines))


if __name__ == "__main__":
    asyncio.run(main())
