"""Keeps whoever is at one address connected: watched while all is well, dialed again when it is gone."""

from collections.abc import Awaitable, Callable

import attrs

from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    MeshError,
    OutcomeUnknownError,
    UnavailableError,
    text_of,
)
from collector_mesh.domain.model.events import DialFailed
from collector_mesh.domain.peers.dialing import BrokenError
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.peers.times import KeepingTimes
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import NoLinkError
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Task, Tasks
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology

_ABSENCE = 30.0
"""Seconds that a peer which has said goodbye may stay away before that is told as a failure: one that is replaced is
back by then."""

_SOON = 0.25
"""Longest pause between two dials while calls wait for the next link, in seconds."""

_SILENCE = (UnavailableError, OutcomeUnknownError, DeadlineExceededError)
"""Errors that do not tell whether anybody is there."""

_ENDING = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends a program or a task is nobody's failure."""


@attrs.define(eq=False)
class Keeper:
    """An address that is wanted: whoever answers there is kept connected."""

    address: str
    alarm: Alarm
    since: float
    """Since when it is dialed, or its peer is away."""
    peer_id: str = ""
    task: Task | None = None
    is_running: bool = True
    asked_for: float = 0.0
    is_dialing: bool = False
    failures: int = 0
    """Dials in a row that have failed."""
    short_links: int = 0
    """Links in a row that have not lasted; each counts as a dial that has failed."""
    was_refused: bool = False
    """Whether the last one has failed because nobody listens there."""
    linked_since: float | None = None
    """When the peer was found to have a link."""
    told: str = ""
    """Why the last one has failed, as the observer knows it."""

    @property
    def failed(self) -> int:
        """How many times in a row keeping the peer connected was in vain."""
        return self.failures + self.short_links


class Upkeep:
    """Has the peer at a wanted address connected, by a link, or by unary calls where it has none.

    Args:
        collector_id: of this collector.
        topology: who is connected.
        roster: who the peers are.
        streams: opens links.
        introducer: connects to those who have none.
        tasks: tells what cancels a task.
        clock: tells the time.
        dice: spread dials.
        backoff: how long to wait between two dials.
        times: how long everything else may take.
        assign: takes down that the peer of an id is the one that a keeper keeps.
        failed: told of each dial that has failed; says whether that is to be kept quiet, since nobody dials it again.
    """

    def __init__(
        self,
        collector_id: str,
        topology: Topology,
        roster: Roster,
        streams: Streams,
        introducer: Introducer,
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        backoff: Backoff,
        times: KeepingTimes,
        assign: Callable[[Keeper, str], Awaitable[None]],
        failed: Callable[[Keeper, BaseException], bool],
    ) -> None:
        self._collector_id = collector_id
        self._topology = topology
        self._roster = roster
        self._streams = streams
        self._introducer = introducer
        self._tasks = tasks
        self._clock = clock
        self._dice = dice
        self._backoff = backoff
        self._times = times
        self._assign = assign
        self._failed = failed

    async def dial(
        self, address: str, *, timeout: float, is_patient: bool = False, is_kept: bool = False
    ) -> Connection:
        """Connect to whoever is at an address: by a link, or by Connect where nobody there knows of links.

        Args:
            address: where to.
            timeout: seconds for both of them together; in the background, where `is_kept`, for each.
            is_patient: whether somebody may begin to listen there meanwhile.
            is_kept: whether a peer without links that is connected already is asked only whether it is there.

        Raises:
            MeshError: nobody has answered in time, or one of the two does not want the other.
            Exception: what the transport raises.
        """
        until = self._clock.now() + timeout
        if not self._introducer.has_none(address):
            try:
                connection = await self._streams.dial(address, timeout=timeout, is_patient=is_patient)
            except NoLinkError:
                pass
            else:
                self._introducer.forget(address)
                return connection
        if is_kept:
            kept = await self._introducer.still_kept(address, timeout=self._times.patience)
            if kept is not None:
                return kept
            return await self._introducer.introduce(address, timeout=timeout)
        left = until - self._clock.now()
        if left <= 0:
            raise UnavailableError(f"nobody has answered at {address} within {timeout:g} s")
        # To the tenth, since errors tell it to people.
        return await self._introducer.introduce(address, timeout=round(left, 1) or left)

    async def keep_up(self, keeper: Keeper) -> None:
        """Have the peer connected until this is stopped: nothing else ends it."""
        try:
            while True:
                try:
                    await self._watch(keeper)
                    if not keeper.failed or await self._is_still_gone(keeper):
                        await self._redial(keeper)
                except Exception as error:  # noqa: BLE001  # files are written anew, a carrier comes back
                    self._has_failed(keeper, error)
        finally:
            keeper.is_running = False

    async def _watch(self, keeper: Keeper) -> None:
        """Wait while nothing has to be done: the peer has a link, or has been asked lately."""
        while (connection := self._topology.get(keeper.peer_id)) is not None and connection.is_up:
            if connection.way.carrier == "unary":
                # A link tells when it ends; whoever has none is asked again and again.
                is_well = connection.state == "live"
                await keeper.alarm.wait(self._times.refresh if is_well else self._times.soon)
                return
            if keeper.linked_since is None:
                keeper.linked_since = self._clock.now()
            await keeper.alarm.wait(self._times.refresh)
        if keeper.linked_since is not None:
            lasted, keeper.linked_since = self._clock.now() - keeper.linked_since, None
            keeper.short_links = 0 if lasted >= self._times.steady else keeper.short_links + 1
            # What was in vain before it says nothing of how long it will be away now.
            keeper.failures = 0

    async def _is_still_gone(self, keeper: Keeper) -> bool:
        """Wait before the next dial; False if the peer has come by itself meanwhile."""
        pause = self._backoff.pause(keeper.failed, dice=self._dice, is_refused=keeper.was_refused)
        if pause > _SOON and self._streams.are_waited_for(keeper.peer_id):
            # Calls wait to hear what became of them, and not for long.
            pause = self._dice.uniform(0.0, _SOON)
        await keeper.alarm.wait(pause)
        connection = self._topology.get(keeper.peer_id)
        return connection is None or not connection.is_up or connection.way.carrier == "unary"

    async def _redial(self, keeper: Keeper) -> None:
        keeper.is_dialing = True
        try:
            connection = await self.dial(keeper.address, timeout=self._times.dial, is_kept=True)
        except BaseException as error:
            if isinstance(error, (Exception, *_ENDING)) or self._tasks.is_cancellation(error):
                raise
            # A carrier that somebody has closed looks like a cancellation. Only here: what is thrown into a pause is
            # the end, also where nobody has canceled the task.
            self._has_failed(keeper, error)
            return
        finally:
            keeper.is_dialing = False
            self._topology.news.tell()
        await self._assign(keeper, connection.peer_id)
        keeper.was_refused = False
        keeper.told = ""
        if connection.way.carrier == "unary":
            keeper.failures = keeper.short_links = 0

    def _has_failed(self, keeper: Keeper, error: BaseException) -> None:
        reason = text_of(error)
        keeper.failures += 1
        if self._failed(keeper, error):
            return
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

    def _is_the_end(self, keeper: Keeper, way: UnaryWay, error: BaseException) -> bool:
        """Whether a peer without links is lost: nobody listens there, it refuses, or it was silent for too long."""
        refuses = isinstance(error, MeshError) and not isinstance(error, _SILENCE)
        return keeper.was_refused or refuses or way.has_gone(self._times.expiry)

    def _is_expected_away(self, gone: Connection | None) -> bool:
        """Whether a peer has said goodbye, and not long ago."""
        return gone is not None and gone.has_left and self._clock.now() - gone.last_news < _ABSENCE
