"""Keeps the peers that are wanted connected: dialed, kept up, dialed again."""

from collections.abc import Iterable

import attrs
from attrs.validators import gt

from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    InvalidCallError,
    MeshError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
    quoted,
    text_of,
)
from collector_mesh.domain.model.events import DialFailed
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.dialing import BrokenError
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.peer import Peer
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import NoLinkError, StreamBrokenError
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Task, Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology

_ABSENCE = 30.0
"""Seconds that a peer which has said goodbye may stay away before that is told as a failure: one that is replaced is
back by then."""


_PATIENCE = 1.0
"""Seconds that a peer has to say that it is there, at least."""

_SILENCE = (UnavailableError, OutcomeUnknownError, DeadlineExceededError)
"""Errors that do not tell whether anybody is there."""

_ENDING = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends a program or a task is nobody's failure."""


@attrs.frozen
class KeepingTimes:
    """How long things may take between peers, all in seconds.

    Attributes:
        refresh: between two questions to a peer without links whether it is there; well under `expiry`.
        dial: for one dial in the background, answer included.
        expiry: after which a peer that was not heard of is forgotten, or, if it is wanted, lost.
        redial: at least between two dials that calls ask for, of each peer.
        steady: a link that has lasted so long was a success; a shorter one counts as a dial that has failed.
    """

    refresh: float = attrs.field(default=20.0, validator=gt(0))
    dial: float = attrs.field(default=10.0, validator=gt(0))
    expiry: float = attrs.field(default=60.0, validator=gt(0))
    redial: float = attrs.field(default=0.25, validator=gt(0))
    steady: float = attrs.field(default=5.0, validator=gt(0))


@attrs.define(eq=False)
class _Keeper:
    """An address that is wanted: whoever answers there is kept connected."""

    address: str
    alarm: Alarm
    peer_id: str = ""
    task: Task | None = None
    is_running: bool = True
    asked_for: float = 0.0
    is_dialing: bool = False
    failures: int = 0
    """Dials in a row that have failed, or whose link has not lasted."""
    was_refused: bool = False
    """Whether the last one has failed because nobody listens there."""
    linked_since: float | None = None
    """When the peer was found to have a link."""
    told: str = ""
    """Why the last one has failed, as the observer knows it."""


class Keeping:
    """Keeps peers connected, by a link, or by unary calls where they have none.

    Args:
        collector_id: of this collector.
        topology: who is connected.
        roster: who the peers are.
        admission: knows where this collector listens, and who claims what.
        streams: opens links.
        introducer: connects to those who have none.
        transport: knows addresses.
        tasks: keeps each peer up in the background.
        clock: tells the time.
        dice: spread dials.
        backoff: how long to wait between two dials.
        times: how long everything else may take.
    """

    def __init__(
        self,
        collector_id: str,
        topology: Topology,
        roster: Roster,
        admission: Admission,
        streams: Streams,
        introducer: Introducer,
        *,
        transport: Transport,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        backoff: Backoff,
        times: KeepingTimes,
    ) -> None:
        self.times = times
        self._collector_id = collector_id
        self._topology = topology
        self._roster = roster
        self._admission = admission
        self._streams = streams
        self._introducer = introducer
        self._transport = transport
        self._tasks = tasks
        self._clock = clock
        self._dice = dice
        self._backoff = backoff
        self._keepers: dict[str, _Keeper] = {}
        self._expiry: Task | None = None
        self._asking: dict[UnaryWay, None] = {}
        """Ways to peers that have connected by themselves and are asked whether they are there."""
        self._looking: dict[str, None] = {}
        """Peers without links that are asked whether they have some now."""
        roster.on_lost = self._has_gone
        admission.on_links_claimed = self._look_for_links

    @property
    def dialing(self) -> tuple[str, ...]:
        """Addresses that are wanted and where nobody has answered yet."""
        waiting = [keeper.address for keeper in self._keepers.values() if not keeper.peer_id]
        if not waiting:
            return ()
        # A link may be up before whoever has dialed it has been told.
        answered = {connection.address for connection in self._topology if connection.is_up}
        return tuple(address for address in waiting if address not in answered)

    def start(self) -> None:
        """Begin to forget peers that have connected by themselves and are not heard of anymore."""
        self._expiry = self._tasks.start(self._forget_silent(), "forget silent peers")

    async def close(self) -> None:
        """End every connection."""
        if self._expiry is not None:
            await self._expiry.stop()
        for address in list(self._keepers):
            await self._release(address)
        await self._roster.close()
        await self._streams.close()

    def want(self, address: str) -> None:
        """Dial an address until somebody answers, and keep whoever does connected.

        Raises:
            InvalidCallError: it is no address.
        """
        self._transport.check_address(address)
        if address not in self._keepers:
            self._keep(address)

    async def connect(self, address: str, *, timeout: float) -> Connection:
        """Connect to a collector and keep it connected.

        Raises:
            InvalidCallError: it is no address, or it is this collector itself; or the peer has no links,
                and this collector does not listen.
            UnavailableError: nobody has answered within so many seconds.
            MeshError: the other one has refused.
        """
        self._transport.check_address(address)
        if address == self._admission.address:
            raise InvalidCallError("cannot connect to itself")
        keeper = self._keepers.get(address)
        connection = self._topology.get(keeper.peer_id) if keeper is not None else None
        if connection is None or not connection.is_up or connection.way.carrier != "link":
            connection = await self._dial(address, timeout=timeout, is_patient=True)
        keeper = self._keepers.get(address)
        if keeper is None or not keeper.is_running:
            keeper = self._keep(address, connection.peer_id)
        await self._assign(keeper, connection.peer_id)
        return connection

    async def disconnect(self, peer_id: str) -> None:
        """Forget a peer and do not dial it anymore.

        Raises:
            NotFoundError: there is no connection to it.
        """
        connection = self._topology.get(peer_id)
        if connection is None:
            raise NotFoundError(f"no connection to collector {quoted(peer_id)}")
        self._roster.forget(connection, "disconnected")
        for keeper in list(self._keepers.values()):
            if keeper.peer_id == peer_id:
                await self._release(keeper.address)

    def dial_now(self, connections: Iterable[Connection]) -> None:
        """A call has found nobody: dial those who are wanted and gone, without waiting for their turn."""
        now = self._clock.now()
        gone = {connection.peer_id for connection in connections if not connection.is_up}
        for keeper in self._keepers.values():
            if keeper.peer_id in gone and now - keeper.asked_for >= self.times.redial:
                keeper.asked_for = now
                keeper.alarm.ring()

    def _has_gone(self, peer: Peer) -> None:
        self._introducer.forget(peer.wanted)
        keeper = self._keepers.get(peer.wanted)
        # Whoever dials looks afterwards how the peer is.
        if keeper is not None and not keeper.is_dialing:
            keeper.alarm.ring()

    def _look_for_links(self, way: UnaryWay) -> None:
        """Somebody with links says that it is a peer that has none: find out from that peer itself, now and then."""
        if way.peer_id not in self._looking:
            self._looking[way.peer_id] = None
            self._tasks.start(self._ask_for_links(way), f"ask {way.link.address} for links")

    async def _ask_for_links(self, way: UnaryWay) -> None:
        try:
            await self._streams.dial(way.link.address, timeout=self.times.dial)
        except (MeshError, StreamBrokenError):
            await self._clock.alarm().wait(self.times.refresh)
        finally:
            del self._looking[way.peer_id]

    def _keep(self, address: str, peer_id: str = "") -> _Keeper:
        keeper = _Keeper(address, self._clock.alarm(), peer_id)
        self._keepers[address] = keeper
        keeper.task = self._tasks.start(self._keep_up(keeper), f"keep {address} connected")
        return keeper

    async def _assign(self, keeper: _Keeper, peer_id: str) -> None:
        """Take down whom a keeper keeps; nobody is kept by two, whoever was dialed last stays."""
        gone = self._topology.get(keeper.peer_id)
        if gone is not None and gone.peer_id != peer_id and gone.address == keeper.address:
            self._roster.forget(gone, f"{peer_id} is there now")
        keeper.peer_id = peer_id
        self._roster.want(peer_id, keeper.address)
        for other in list(self._keepers.values()):
            if other is not keeper and other.peer_id == peer_id:
                await self._release(other.address)

    async def _release(self, address: str) -> None:
        keeper = self._keepers.pop(address)
        self._introducer.forget(address)
        if keeper.task is not None:
            await keeper.task.stop()

    async def _keep_up(self, keeper: _Keeper) -> None:
        """Have the peer connected until this is stopped: nothing else ends it."""
        try:
            while True:
                try:
                    await self._watch(keeper)
                    if not keeper.failures or await self._is_still_gone(keeper):
                        await self._redial(keeper)
                except Exception as error:  # noqa: BLE001  # files are written anew, a carrier comes back
                    self._has_failed(keeper, error)
        finally:
            keeper.is_running = False

    async def _watch(self, keeper: _Keeper) -> None:
        """Wait while nothing has to be done: the peer has a link, or has been asked lately."""
        while (connection := self._topology.get(keeper.peer_id)) is not None and connection.is_up:
            if connection.way.carrier == "unary":
                # A link tells when it ends; whoever has none is asked again and again.
                is_well = connection.state == "live"
                await keeper.alarm.wait(self.times.refresh if is_well else self._soon)
                return
            if keeper.linked_since is None:
                keeper.linked_since = self._clock.now()
            await keeper.alarm.wait(self.times.refresh)
        if keeper.linked_since is not None:
            lasted, keeper.linked_since = self._clock.now() - keeper.linked_since, None
            keeper.failures = 0 if lasted >= self.times.steady else keeper.failures + 1

    async def _is_still_gone(self, keeper: _Keeper) -> bool:
        """Wait before the next dial; False if the peer has come by itself meanwhile."""
        pause = self._backoff.pause(keeper.failures, dice=self._dice, is_refused=keeper.was_refused)
        await keeper.alarm.wait(pause)
        connection = self._topology.get(keeper.peer_id)
        return connection is None or not connection.is_up or connection.way.carrier == "unary"

    async def _redial(self, keeper: _Keeper) -> None:
        keeper.is_dialing = True
        try:
            connection = await self._dial(keeper.address, timeout=self.times.dial, is_kept=True)
        except BaseException as error:
            if isinstance(error, (Exception, *_ENDING)) or self._tasks.is_cancellation(error):
                raise
            # A carrier that somebody has closed looks like a cancellation. Only here: what is thrown into a pause is
            # the end, also where nobody has canceled the task.
            self._has_failed(keeper, error)
            return
        finally:
            keeper.is_dialing = False
        await self._assign(keeper, connection.peer_id)
        keeper.was_refused = False
        keeper.told = ""
        if connection.way.carrier == "unary":
            keeper.failures = 0

    def _has_failed(self, keeper: _Keeper, error: BaseException) -> None:
        reason = text_of(error)
        keeper.failures += 1
        keeper.was_refused = isinstance(error, BrokenError) and error.nobody_listens
        gone = self._topology.get(keeper.peer_id)
        if gone is not None and gone.address == keeper.address and isinstance(gone.way, UnaryWay):
            if gone.is_up and not self._is_the_end(keeper, gone.way, error):
                self._roster.is_there(gone, but=reason)
                return
            self._roster.lose(gone, reason)
        if reason != keeper.told and not self._is_expected_away(gone):
            keeper.told = reason
            self._roster.tell(DialFailed(self._collector_id, keeper.address, reason))

    def _is_the_end(self, keeper: _Keeper, way: UnaryWay, error: BaseException) -> bool:
        """Whether a peer without links is lost: nobody listens there, it refuses, or it was silent for too long."""
        refuses = isinstance(error, MeshError) and not isinstance(error, _SILENCE)
        return keeper.was_refused or refuses or way.has_gone(self.times.expiry)

    def _is_expected_away(self, gone: Connection | None) -> bool:
        """Whether a peer has said goodbye, and not long ago."""
        return gone is not None and gone.has_left and self._clock.now() - gone.last_news < _ABSENCE

    async def _dial(
        self, address: str, *, timeout: float, is_patient: bool = False, is_kept: bool = False
    ) -> Connection:
        if not self._introducer.has_none(address):
            try:
                connection = await self._streams.dial(address, timeout=timeout, is_patient=is_patient)
            except NoLinkError:
                pass
            else:
                self._introducer.forget(address)
                return connection
        if is_kept:
            kept = await self._introducer.still_kept(address, timeout=self._patience)
            if kept is not None:
                return kept
        return await self._introducer.introduce(address, timeout=timeout)

    async def _forget_silent(self) -> None:
        alarm = self._clock.alarm()
        while True:
            await alarm.wait(self.times.expiry / 12)
            now = self._clock.now()
            self._roster.forget_silent(self.times.expiry)
            self._roster.forget_starts()
            self._ask_strangers(now)

    def _ask_strangers(self, now: float) -> None:
        """Ask those who have connected by themselves, have no links and were not heard of lately whether they are there."""
        for connection in self._topology:
            way = connection.way
            if not isinstance(way, UnaryWay) or connection.dialed or way in self._asking:
                continue
            if connection.state == "suspect" or now - way.heard >= self.times.refresh:
                self._asking[way] = None
                self._tasks.start(self._ask(connection, way), f"ask {connection.address} whether it is there")

    @property
    def _soon(self) -> float:
        """Seconds until somebody who has not answered is asked again."""
        return min(self.times.refresh, self.times.expiry / 12)

    @property
    def _patience(self) -> float:
        """Seconds within which a peer has to say that it is there."""
        return max(_PATIENCE, min(self.times.dial, self.times.refresh))

    async def _ask(self, connection: Connection, way: UnaryWay) -> None:
        try:
            is_there = await way.is_there(self._collector_id, timeout=self._patience)
            self._roster.is_there(connection, but="" if is_there else "it does not answer")
        finally:
            self._asking.pop(way, None)
