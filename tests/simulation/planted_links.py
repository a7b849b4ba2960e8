"""Bugs of links and of those at their ends: who is there, what they say, what is carried."""

import asyncio
from typing import Any

import pytest

from collector_mesh.app.hooks.guards import GuardedObserver
from collector_mesh.app.lifetime import Lifetime
from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.link.calls import LinkCalls
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.health import Health, Vital
from collector_mesh.domain.link.inbox import Inbox
from collector_mesh.domain.link.outbox import Outbox
from collector_mesh.domain.link.page import Names
from collector_mesh.domain.link.talk import LinkTalk
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.dialing import BrokenError, Dial
from collector_mesh.domain.peers.peer import OpenLink, Peer
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.peers.upkeep import Upkeep
from collector_mesh.domain.topology.candidates import Candidate


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
    patch.setattr(LinkTalk, "_told_of", lambda _end, catalog: catalog)
    patch.setattr(
        Roster,
        "shared_with",
        lambda _roster, engine: engine.peer.catalog.namespaces if engine.peer is not None else (),
    )


def lost_advertisement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LinkEngine, "tell_catalog", lambda _engine: None)


def reconnect_given_up(patch: pytest.MonkeyPatch) -> None:
    original, failed = Upkeep.dial, set[tuple[Upkeep, str]]()

    async def dial(upkeep: Upkeep, address: str, **options: Any) -> Any:
        if (upkeep, address) in failed:
            await upkeep._clock.alarm().wait(1e6)
        try:
            return await original(upkeep, address, **options)
        except Exception:
            failed.add((upkeep, address))
            raise

    patch.setattr(Upkeep, "dial", dial)


def end_of_a_link_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Streams, "ended", lambda _streams, _engine: None)


def deadlines_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LinkCalls, "expire", lambda _calls, _now: False)


def reply_lost(patch: pytest.MonkeyPatch) -> None:
    original, count = LinkCalls.answer, [0]

    def answer(calls: LinkCalls, taken: Any, reply: Any) -> None:
        count[0] += 1
        if count[0] % 10:
            original(calls, taken, reply)

    patch.setattr(LinkCalls, "answer", answer)


def stale_incarnation_wins(patch: pytest.MonkeyPatch) -> None:
    # Either of the two alone is enough: the memory of earlier starts, or that whoever holds the id is asked.
    patch.setattr(Peer, "is_superseded", lambda _peer, _incarnation: False)
    patch.setattr(Admission, "is_contested", lambda _admission, _claim: False)


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


def dials_that_raise_end_the_keeping(patch: pytest.MonkeyPatch) -> None:
    original = Upkeep._has_failed

    def has_failed(upkeep: Upkeep, keeper: Any, error: BaseException) -> None:
        if not isinstance(error, BrokenError):
            raise asyncio.CancelledError
        original(upkeep, keeper, error)

    patch.setattr(Upkeep, "_has_failed", has_failed)


def dials_have_a_second(patch: pytest.MonkeyPatch) -> None:
    original = Dial.first

    async def first(dial: Dial, timeout: float) -> Any:
        return await original(dial, min(timeout, 1.0))

    patch.setattr(Dial, "first", first)


def observers_are_not_guarded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(GuardedObserver, "tell", lambda guard, event: guard._observer.tell(event))


def nobody_asks_who_holds_an_id(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Admission, "is_contested", lambda _admission, _claim: False)


def nobody_is_dialed_again(patch: pytest.MonkeyPatch) -> None:
    original = Upkeep._redial

    async def redial(upkeep: Upkeep, keeper: Any) -> None:
        if keeper.peer_id:
            await asyncio.Event().wait()
        await original(upkeep, keeper)

    patch.setattr(Upkeep, "_redial", redial)


def hubs_are_not_dialed_again(patch: pytest.MonkeyPatch) -> None:
    original = Upkeep._redial

    async def redial(upkeep: Upkeep, keeper: Any) -> None:
        if keeper.peer_id.startswith("hub"):
            await asyncio.Event().wait()
        await original(upkeep, keeper)

    patch.setattr(Upkeep, "_redial", redial)


def goodbyes_are_at_the_expense_of_calls(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Candidate,
        "is_leaving",
        property(lambda place: place.connection.state == "draining" or place.connection.way.is_retiring),
    )


def room_is_never_given_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "_has_left", lambda _outbox, _entry: None)


def long_names_are_cut(patch: pytest.MonkeyPatch) -> None:
    original = Names.text
    patch.setattr(Names, "text", lambda names, text: original(names, text[:10]))
