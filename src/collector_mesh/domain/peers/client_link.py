"""The link of a program outside the mesh to one of several collectors: it dispatches, and takes no calls."""

from collections.abc import Awaitable, Callable

from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.link.peer_link import PeerLink
from collector_mesh.domain.link.recovery import Recovery
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.call import Call, says_idempotent
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    OutcomeUnknownError,
    UnavailableError,
    clipped,
    error_for,
    text_of,
)
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.peers.client_way import ClientSide, ClientWay
from collector_mesh.domain.peers.keyed_client import KeyedClientCalls
from collector_mesh.domain.peers.searching import Search
from collector_mesh.domain.peers.submission import Submission
from collector_mesh.domain.peers.waiting import holds_within
from collector_mesh.domain.policies.key_places import KeyPlaces
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.addresses import Addresses
from collector_mesh.domain.ports.call_starter import Contact, StartedCall
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import Pump
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport

_SEARCHES = 3
"""How often one try of a call waits for a link: one may end as soon as it has opened."""

_FREE_TRIES = 8
"""How often a call goes on that was not sent, or was refused by a collector that is leaving: that is no attempt."""

_CONTENT_SECONDS = 1.0
"""How long a collector that is suspect is called all the same once nobody else was found."""

_WAIT_SECONDS = 3600.0
_LOOK_SECONDS = 0.005

_Send = Callable[[Link, Call], Awaitable[Reply]]
_Tried = tuple[Reply, bool]
"""What came of a try, and whether the collector is gone or leaving where that was."""


class ClientLink:
    """Looks for a collector when there is a call and no link, and stays there while it can be used.

    The search is nobody's: each call waits for it with its own time. Where there are several addresses, a call that
    was not sent goes on at the next; one that may have run does so only where it says that it may run twice.

    A collector without links is called with one request for each call.

    Args:
        addresses: of collectors; any one will do.
        transport: dials.
        pump: moves frames.
        tasks: runs links.
        clock: tells the time.
        dice: make up a name, and choose which address is dialed first.
        rules: how links are kept.
        policies: how often a call is repeated.
        dial_timeout: seconds that one dial may take, the answer included.
        places: where calls with idempotency keys went.
    """

    def __init__(
        self,
        addresses: Addresses,
        *,
        transport: Transport,
        pump: Pump,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        rules: LinkRules,
        policies: Policies | None = None,
        dial_timeout: float = 10.0,
        places: KeyPlaces | None = None,
    ) -> None:
        self.address = addresses.text
        self._addresses = addresses
        self._tasks = tasks
        self._clock = clock
        self._dice = dice
        self._policies = policies or Policies()
        if places is None:
            from collector_mesh.domain.ports.key_store import KeyRules

            places = KeyPlaces(KeyRules().seconds, KeyRules().max_keys)
        self._keyed = KeyedClientCalls(self._ready, places, self._policies, clock)
        self._side = ClientSide(
            name=f"client-{dice.token()[:12]}",
            incarnation=dice.token(),
            transport=transport,
            pump=pump,
            tasks=tasks,
            clock=clock,
            rules=rules,
            dial_timeout=dial_timeout,
            recovery=Recovery(
                rules.recover, clock=clock, dice=dice, goes_on_elsewhere=self._goes_on_elsewhere
            )
            if rules.recover
            else None,
        )
        self._ways: dict[str, ClientWay] = {}
        self._way: ClientWay | None = None
        """Where calls go."""
        self._is_searching = False
        self._searching: Search | None = None
        self._failure: MeshError | None = None
        """Why the last search was in vain."""
        self._failed_at = 0.0
        self._content_until = 0.0
        self._waiting: dict[Alarm, None] = {}

    async def serve(self, call: Call) -> Reply:
        """Have the collector run one of its own methods."""
        return await self._run(call, _serve)

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        return await self._run(call, _dispatch)

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall:
        """Dispatch a call that nobody awaits: `answer` is told once what comes of it, perhaps before this returns.

        Where there is a link, this takes no task; nor does what comes back, unless the call goes on elsewhere.
        """
        way = self._way
        link = way.usable if way is not None else None

        def run(first: Reply | None) -> Awaitable[Reply]:
            return self._run(
                call, _dispatch, None if first is None or way is None else (first, way.usable is not link)
            )

        submission = Submission(call, answer, run, tasks=self._tasks, clock=self._clock)
        if way is None or not isinstance(link, PeerLink) or self._leaves(way) or call.idempotency_key:
            submission.go_on()
        else:
            submission.send(link.engine, is_last=not self._has_others)
        return submission

    def contact(self, *, connect: bool) -> Contact:
        """Say whether there is a collector that can be called; `connect` begins a search where there is none."""
        if self._side.is_closed:
            return Contact.CLOSED
        way = self._way
        if way is not None and way.usable is not None:
            return Contact.READY
        # Whoever looks again and again does not dial each time.
        if connect and (self._failure is None or self._clock.now() >= self._failed_at + _CONTENT_SECONDS):
            self._search()
        if self._is_searching:
            return Contact.SEARCHING
        return Contact.IDLE if self._failure is None else Contact.FAILED

    async def aclose(self, *, grace: float = 0.0) -> None:
        """See the port."""
        self._side.is_closed = True
        if self._side.recovery is not None:
            self._side.recovery.close()
        ways = list(self._ways.values())
        for way in ways:
            await way.aclose(grace=grace)
        goodbye = self._side.rules.goodbye
        await holds_within(
            self._clock, goodbye, lambda: not any(way.is_open for way in ways), look=_LOOK_SECONDS
        )

    @property
    def _has_others(self) -> bool:
        return self._addresses.may_change or len(self._addresses.known()) > 1

    def _goes_on_elsewhere(self, sent: SentCall) -> bool:
        return self._has_others and says_idempotent(sent.call) is True

    async def _run(self, call: Call, send: _Send, first: _Tried | None = None) -> Reply:
        """Try collectors until the call has its answer; `first` is what a first try has come to."""
        if call.idempotency_key:
            return await self._keyed.run(call, send)
        best: Reply | None = None
        attempts = tries = 0
        while True:
            try:
                reply, is_gone = first or await self._try(call, send)
            except MeshError as error:
                if best is None:
                    raise
                return _more_telling(best, Reply.refused(error))
            first = None
            if reply.status is OK or reply.status.code == OK.code:
                return reply
            best = reply if best is None else _more_telling(best, reply)
            tries += 1
            if best.executed is Executed.MAYBE:
                attempts += 1
            if not is_gone or tries >= _FREE_TRIES or not self._may_go_on(call, best, attempts):
                return best

    async def _try(self, call: Call, send: _Send) -> _Tried:
        """Send a call to a collector that can be called.

        Raises:
            MeshError: there is none; or, of a single one, why it has failed.
        """
        way, link = await self._ready(call)
        try:
            reply = await send(link, call)
        except (UnavailableError, OutcomeUnknownError, DeadlineExceededError) as error:
            if not self._has_others:
                raise
            if not isinstance(error, DeadlineExceededError):
                way.drop_unary()
            reply = Reply.refused(error)
        return reply, way.usable is not link

    def _may_go_on(self, call: Call, reply: Reply, attempts: int) -> bool:
        """Whether a call may run elsewhere, after this number of attempts in which it may have run."""
        if not self._has_others or self._side.is_closed:
            return False
        retry = self._policies.of(call.key).retry
        return retry.allows(reply, attempts=attempts, idempotent=says_idempotent(call) is True)

    async def _ready(self, call: Call) -> tuple[ClientWay, Link]:
        """What a call goes over.

        Raises:
            UnavailableError: the client is closed, or nobody has answered.
            DeadlineExceededError: the time of the call is up.
            MeshError: each collector has refused.
        """
        for _ in range(_SEARCHES):
            way = self._way
            if way is not None and (link := way.usable) is not None and not self._leaves(way):
                if way.is_to_be_asked:
                    self._search()
                return way, link
            if self._side.is_closed:
                raise UnavailableError(f"the link to {self.address} is closed")
            await self._wait_for_search(call.deadline)
            if (failure := self._failure) is not None:
                raise error_for(failure.code, str(failure), failure.details)
        raise UnavailableError(f"{self.address} has ended each link as soon as it was open")

    def _leaves(self, way: ClientWay) -> bool:
        """Whether another collector is looked for, though this one could be called."""
        return way.is_suspect and self._has_others and self._clock.now() >= self._content_until

    async def _wait_for_search(self, deadline: float) -> None:
        alarm = self._clock.alarm()
        self._waiting[alarm] = None
        try:
            while (left := deadline - self._clock.now()) > 0:
                self._search()
                if await alarm.wait(min(left, _WAIT_SECONDS)):
                    return
        finally:
            del self._waiting[alarm]
        raise DeadlineExceededError(self._too_late(), executed=Executed.NO)

    def _too_late(self) -> str:
        if self._searching is None:
            return "deadline exceeded"
        so_far = f" ({self._searching.so_far})" if self._searching.so_far else ""
        return clipped(f"deadline exceeded before a collector has answered at {self.address}{so_far}")

    def _search(self) -> None:
        if not self._is_searching:
            self._is_searching = True
            self._failure = None
            self._tasks.start(self._find(), f"dial {self.address}")

    async def _find(self) -> None:
        try:
            way = self._way
            if way is not None and way.is_to_be_asked:
                await way.dial()
            else:
                await self._move()
        except MeshError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001  # a transport of a user's may raise anything
            self._failure = UnavailableError(text_of(error))
        finally:
            self._is_searching = False
            self._failed_at = self._clock.now()
            for alarm in self._waiting:
                alarm.ring()

    async def _move(self) -> None:
        """Find a collector that can be called, and call nobody else.

        Raises:
            MeshError: there is none.
        """
        before = self._way
        search = self._searching = Search(
            self._addresses,
            self._dial,
            tasks=self._tasks,
            clock=self._clock,
            dice=self._dice,
            last=before.address if before is not None else "",
        )
        try:
            found = await search.first()
        except MeshError:
            if before is None or before.usable is None:
                raise
            self._content_until = self._clock.now() + _CONTENT_SECONDS
            return
        finally:
            self._searching = None
        way = self._way = self._ways[found]
        for other in [each for each in self._ways.values() if each is not way]:
            await other.let_go()
        known = self._addresses.known()
        self._ways = {
            each.address: each for each in self._ways.values() if each.is_open or each.address in known
        }

    async def _dial(self, address: str) -> None:
        way = self._ways.get(address)
        if way is None:
            way = self._ways[address] = ClientWay(address, self._side)
        await way.dial()


async def _dispatch(link: Link, call: Call) -> Reply:
    return await link.dispatch(call)


async def _serve(link: Link, call: Call) -> Reply:
    if isinstance(link, PeerLink):
        # A client may dispatch only: to the collector itself, which then passes it on to nobody.
        call.target = link.engine.peer_id
        return await link.dispatch(call)
    return await link.serve(call)


def _more_telling(best: Reply, reply: Reply) -> Reply:
    """Of two replies the one that tells more of whether a handler ran: that is never told as less than it was."""
    return reply if reply.executed.rank >= best.executed.rank else best
