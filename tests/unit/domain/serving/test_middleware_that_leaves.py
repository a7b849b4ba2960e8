"""Middleware that does not wait for what it has called on, or forgets its reply."""

import asyncio

import pytest

from collector_mesh import (
    Collector,
    DispatchNext,
    Executed,
    IncomingCall,
    LoopbackNetwork,
    Middleware,
    OutgoingCall,
    Reply,
    ServeNext,
    Service,
)


async def _leave(call_next: DispatchNext | ServeNext, call: OutgoingCall | IncomingCall) -> Reply:
    """Call on, and answer by itself once the handler has begun."""
    going = asyncio.ensure_future(call_next(call))  # type: ignore[arg-type]
    await _BEGUN[0].wait()
    going.cancel()
    return call.reply("a guess")


class _Leaves(Middleware):
    async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
        return await _leave(call_next, call)


class _LeavesHere(Middleware):
    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        return await _leave(call_next, call)


class _Forgets(Middleware):
    async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
        return None  # type: ignore[return-value]


class _ForgetsHere(Middleware):
    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        return None  # type: ignore[return-value]


_BEGUN: list[asyncio.Event] = []


async def _run(middleware: Middleware, key: str | None = None, times: int = 1) -> tuple[Reply, int]:
    service, runs = Service("shop", "Orders"), 0
    _BEGUN[:] = [asyncio.Event()]

    @service.method("Place")
    async def place() -> str:
        nonlocal runs
        runs += 1
        _BEGUN[0].set()
        await asyncio.Event().wait()
        return "never"

    network = LoopbackNetwork()
    async with Collector("shop", services=[service], transport=network, middleware=[middleware]) as shop:
        for _ in range(times):
            _BEGUN[0].clear()
            reply = await shop.dispatch("shop", "Orders", "Place", key=key)
    return reply, runs


def test_a_handler_that_has_begun_is_never_told_as_not_run() -> None:
    here, _ = asyncio.run(_run(_LeavesHere()))
    there, _ = asyncio.run(_run(_Leaves()))

    assert (here.status.code, here.executed) == (200, Executed.YES)
    assert (there.status.code, there.executed) == (200, Executed.MAYBE)


def test_a_key_is_not_free_again_where_middleware_has_left_a_handler() -> None:
    reply, runs = asyncio.run(_run(_LeavesHere(), key="order 7", times=2))

    assert (reply.payload.unpack(str), runs) == ("a guess", 1)


@pytest.mark.parametrize("middleware", [_Forgets(), _ForgetsHere()])
def test_middleware_that_gives_nothing_is_told_what_it_has_to_give(middleware: Middleware) -> None:
    reply, _ = asyncio.run(_run(middleware))

    assert reply.status.code == 500
    assert "middleware must give a collector_mesh.Reply, got NoneType" in reply.status.message


class _AnswersFirst(Middleware):
    """Has an answer of its own for the first call alone."""

    calls = 0

    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        self.calls += 1
        return call.reply("kept") if self.calls == 1 else await call_next(call)


def test_a_success_of_middleware_is_what_a_repeat_of_the_key_gets() -> None:
    reply, runs = asyncio.run(_run(_AnswersFirst(), key="order 7", times=2))

    assert (reply.payload.unpack(str), runs) == ("kept", 0)
