"""Bugs of links and of those at their ends: who is there, what they say, what is carried."""

from typing import Any

import pytest

from collector_mesh.app.lifetime import Lifetime
from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.link.calls import LinkCalls
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.health import Health, Vital
from collector_mesh.domain.link.inbox import Inbox
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.peers.peer import OpenLink, Peer
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams


def earliest_incarnation_wins(patch: pytest.MonkeyPatch) -> None:
    original, first = Peer.join, dict[int, str]()

    def join(peer: Peer, link: OpenLink) -> Any:
        assert link.engine.peer is not None
        first.setdefault(id(peer), link.engine.peer.incarnation)
        return original(peer, link)

    def is_superseded(peer: Peer, incarnation: str) -> bool:
        return first.get(id(peer), incarnation) != incarnation

    patch.setattr(Peer, "join", join)
    patch.setattr(Peer, "is_superseded", is_superseded)


def drain_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    async def drain(_lifetime: Lifetime) -> None:
        return

    patch.setattr(Lifetime, "_drain", drain)


def namespace_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CallChecks, "_check_shared", lambda _checks, _call: None)
    patch.setattr(
        Roster,
        "shared_with",
        lambda _roster, engine: engine.peer.catalog.namespaces if engine.peer is not None else (),
    )


def lost_advertisement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LinkEngine, "tell_catalog", lambda _engine: None)


def reconnect_given_up(patch: pytest.MonkeyPatch) -> None:
    original = Keeping._keep_up

    async def keep_up(keeping: Keeping, keeper: Any) -> None:
        dial = keeping._dial
        failed: list[str] = []

        async def once(address: str, *, timeout: float) -> Any:
            if failed:
                await keeping._clock.alarm().wait(1e6)
            try:
                return await dial(address, timeout=timeout)
            except Exception:
                failed.append(address)
                raise

        keeping.__dict__.setdefault("_dial", once)
        await original(keeping, keeper)

    patch.setattr(Keeping, "_keep_up", keep_up)


def end_of_a_link_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Streams, "ended", lambda _streams, _engine: None)


def deadlines_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LinkCalls, "expire", lambda _calls, _now: False)


def reply_lost(patch: pytest.MonkeyPatch) -> None:
    original, count = LinkEngine.answer, [0]

    def answer(engine: LinkEngine, taken: Any, reply: Any) -> None:
        count[0] += 1
        if count[0] % 10:
            original(engine, taken, reply)

    patch.setattr(LinkEngine, "answer", answer)


def stale_incarnation_wins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Peer, "is_superseded", lambda _peer, _incarnation: False)


def drain_not_announced(patch: pytest.MonkeyPatch) -> None:
    async def announce(streams: Streams) -> None:
        streams._admission.is_draining = True

    patch.setattr(Streams, "announce_drain", announce)


def nobody_is_called_dead(patch: pytest.MonkeyPatch) -> None:
    original = Health.look

    def look(health: Health, now: float) -> Vital:
        vital = original(health, now)
        return Vital.SUSPECT if vital is Vital.DEAD else vital

    patch.setattr(Health, "look", look)


def nobody_is_suspected(patch: pytest.MonkeyPatch) -> None:
    original = Health.look

    def look(health: Health, now: float) -> Vital:
        vital = original(health, now)
        return Vital.LIVE if vital is Vital.SUSPECT else vital

    patch.setattr(Health, "look", look)


def chunks_mixed_up(patch: pytest.MonkeyPatch) -> None:
    original, count = Inbox._read_chunk, [0]

    def read_chunk(inbox: Inbox, chunk: Any, last_own: int) -> None:
        begun = [partial.pieces for partial in inbox._partials.calls.values() if partial.pieces]
        count[0] += 1
        if len(begun) > 1 and not count[0] % 10:
            begun[0][-1], begun[1][-1] = begun[1][-1], begun[0][-1]
        original(inbox, chunk, last_own)

    patch.setattr(Inbox, "_read_chunk", read_chunk)


def chunks_earn_no_credit(patch: pytest.MonkeyPatch) -> None:
    original = Inbox.read

    def read(inbox: Inbox, frame: Any, now: float, last_own: int) -> None:
        original(inbox, frame, now, last_own)
        if frame.chunks and frame.calls is None and frame.replies is None:
            inbox.taken_frames -= 1

    patch.setattr(Inbox, "read", read)
