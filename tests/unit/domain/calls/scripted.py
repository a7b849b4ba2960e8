"""Peers with links whose answers are written down beforehand."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.events import AttemptFailed
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.model.verdict import Verdict
from collector_mesh.domain.ports.clock import Clock


class ScriptedWay(FakeWay):
    """Settles each call at once, or leaves it open where the script says None."""

    def __init__(self, peer_id: str, clock: Clock, script: Callable[[], Reply | None]) -> None:
        super().__init__(peer_id, time=clock.now())
        self._clock = clock
        self._script = script
        self.cancelled: list[SentCall] = []

    def send(self, sent: SentCall) -> None:
        super().send(sent)
        self.time = self._clock.now()
        reply = self._script()
        if reply is not None:
            sent.is_done = True
            sent.settle(reply)

    def cancel(self, sent: SentCall) -> None:
        sent.is_done = True
        self.cancelled.append(sent)


def says(
    code: int, message: str = "", executed: Executed = Executed.NO, handled_by: str = "", **more: Any
) -> Reply:
    status = OK if code == 200 else Status(code, message)
    return Reply(status, executed=executed, handled_by=handled_by, **more)


def world_of(script: Sequence[Reply | None], *, peers: str = "abc", idempotent: str = "abc") -> World:
    """A world whose peers have links and THERE, and give the answers of a script in the order in which they are asked."""
    world = World()
    left = iter(script)

    def next_reply() -> Reply | None:
        reply = next(left, says(503, "the script has ended"))
        return (
            None
            if reply is None
            else Reply(reply.status, reply.payload, reply.handled_by, reply.executed, is_own=reply.is_own)
        )

    for peer_id in peers:
        world.peer(peer_id, methods=(MethodInfo(THERE, "unary", peer_id in idempotent),))
        connection = world.topology.get(peer_id)
        assert connection is not None
        connection.way = ScriptedWay(peer_id, world.clock, next_reply)
    return world


def ways(world: World) -> dict[str, ScriptedWay]:
    return {connection.peer_id: connection.way for connection in world.topology}  # type: ignore[misc]  # see above


def verdicts(world: World) -> list[Verdict]:
    """What the observer was told of attempts."""
    return [event.verdict for event in world.observer.of(AttemptFailed) if isinstance(event, AttemptFailed)]
