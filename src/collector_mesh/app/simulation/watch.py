"""What must hold throughout a simulation."""

import inspect
from asyncio import CancelledError
from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.trace import Line, Trace
from collector_mesh.app.simulation.entry import Entry
from collector_mesh.app.simulation.identity import CallWatch
from collector_mesh.domain.model.call import Call, says_idempotent
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.serving.handlers import Method

if TYPE_CHECKING:
    from collector_mesh.adapters.simulated.loop import SimulatedLoop

LATE_SECONDS = 0.1
"""How much later than its deadline a call may end."""


class InvariantError(AssertionError):
    """Something has happened that must not happen; the text says what."""


class Watch:
    """Watches every call, wherever it comes to."""

    def __init__(self, loop: "SimulatedLoop", trace: Trace) -> None:
        self._loop = loop
        self._trace = trace
        self._calls: list[Entry] = []
        self._members: dict[tuple[str, str], float | None] = {}
        """When a collector has left a namespace; None while it is a member."""
        self._rules: list[Callable[[], object]] = []
        self._key_runs: dict[tuple[MethodKey, str], list[str]] = {}
        """Where calls with an idempotency key have run."""
        self.outcomes: dict[int, int] = {}
        self.told: dict[Executed, int] = dict.fromkeys(Executed, 0)
        """How many replies have said that a handler ran, that none did, or that it is not known."""
        self.untruths = 0
        """How many of them were not true."""
        self.latencies: list[tuple[float, float, int]] = []
        """Of each call: when it began, how long it took, its code."""
        self.links: list[tuple[float, str, str, str]] = []
        """When a collector has seen a peer in what state."""
        self.interrupt: BaseException | None = None
        """What has interrupted the run in a handler, where the mesh would make a status of it."""
        self.broken: list[str] = []
        """What must not happen and has."""
        self.broken_at: float | None = None
        """When the first of it has happened."""
        self.before_broken: tuple[Line, ...] = ()
        """What the trace has kept of the time before that."""

    @property
    def calls(self) -> int:
        """How many were made."""
        return len(self._calls)

    @property
    def unanswered(self) -> list[float]:
        """When the calls began that have had no reply: they were cancelled, crashed with their host, or still run."""
        return [entry.began for entry in self._calls if not entry.is_answered]

    # ---- calls ---------------------------------------------------------------------------------------

    def begun(self, host: Host, call: Call) -> int:
        """See `CallWatch`."""
        now = self._loop.time()
        number = len(self._calls)
        seconds = (call.deadline - host.now(now)) / host.rate
        said = says_idempotent(call)
        entry = Entry(number, host, call.key, now, call.deadline, now + seconds, said, [], [])
        if call.idempotency_key:
            entry.key_ran_at = self._key_runs.setdefault((call.key, call.idempotency_key), [])
        self._calls.append(entry)
        self._trace.note("call", host.host_id, *call.key, str(number))
        return number

    def ended(self, number: int, reply: Reply | None) -> None:
        """See `CallWatch`."""
        entry = self._calls[number]
        if entry.is_over:
            return
        entry.is_over = True
        # What is told on a host that is down, as where it is cleared away at the end of the run, nobody hears.
        if reply is None or entry.host.is_down:
            self._trace.note("cancelled", str(number))
            return
        entry.is_answered = True
        now, code = self._loop.time(), reply.status.code
        self.outcomes[code] = self.outcomes.get(code, 0) + 1
        self.latencies.append((entry.began, now - entry.began, code))
        self._trace.note("reply", str(number), str(code), reply.handled_by, ",".join(reply.attempts))
        self._check_time(entry, now)
        self.told[reply.executed] += 1
        entry.told = reply.executed
        if untruth := entry.untruth(reply):
            self._is_untrue(untruth)
        if code == 200 and entry.gave and reply.payload.value not in entry.gave:
            self._break(f"{entry.what} was given the reply to another call")
        self._check_rules()

    def _check_time(self, entry: Entry, now: float) -> None:
        host = entry.host
        if now <= max(entry.ends_by, host.resumed_at) + LATE_SECONDS or host.is_paused:
            return
        # Its clock may go slower than when the call began; a timer that was set before it went faster comes late.
        late = (host.now(now) - entry.deadline) / host.rate
        if late > LATE_SECONDS:
            self._break(f"{entry.what} has ended {late:.3f} s after its deadline")

    # ---- runs ----------------------------------------------------------------------------------------

    def ran(self, number: int, host: Host, method: Method, call: Call) -> None:
        """See `CallWatch`."""
        entry, namespace = self._calls[number], method.key.namespace
        host_id = host.host_id
        self._trace.note("run", str(number), host_id)
        is_idempotent = method.idempotent if entry.said is None else entry.said
        if entry.ran_at and not is_idempotent:
            self._break(f"{entry.what} has run at {entry.ran_at[0]} and again at {host_id}")
        if not entry.ran_at and entry.told is Executed.NO:
            self._is_untrue(f"{entry.what} has run at {host_id} after it was told that it had not run")
        entry.ran_at.append(host_id)
        if entry.key_ran_at is not None:
            entry.key_ran_at.append(host_id)
        self._check_member(entry, host_id, namespace, call.caller, host_id)
        if call.caller not in ("", host_id):
            self._check_member(entry, call.caller, namespace, call.caller, host_id)

    def _is_untrue(self, what: str) -> None:
        self.untruths += 1
        self._break(what)

    def _check_member(self, entry: Entry, member: str, namespace: str, caller: str, host_id: str) -> None:
        left = self._members.get((member, namespace), -1.0)
        if left is not None and left < entry.began:
            self._break(
                f"{entry.what} has come from {caller} to {host_id}, but {member} was not in {namespace!r}"
            )

    def gave(self, number: int, value: bytes) -> None:
        """See `CallWatch`."""
        self._calls[number].gave.append(value)

    def escaped(self, error: BaseException) -> None:
        """See `CallWatch`."""
        if not isinstance(error, (Exception, CancelledError, GeneratorExit, SystemExit)):
            # Somebody has interrupted the whole run, while a handler was on.
            self.interrupt = error
            self._loop.stop()

    def came(self, host: Host, call: Call) -> None:
        """See `CallWatch`."""
        visited, host_id = call.visited, host.host_id
        if not visited and not call.hops:
            return
        is_told_once = call.hops == len(visited) == len(set(visited))
        if not is_told_once or host_id in visited or visited[-1] != call.caller:
            way = " ".join(visited)
            self._break(
                f"a call of {call.key} has come to {host_id} from {call.caller} after {call.hops} hops by {way}"
            )

    def chose(self, number: int | None, host: Host, peer_id: str) -> None:
        """See `CallWatch`."""
        self._trace.note("route", "" if number is None else str(number), host.host_id, peer_id)

    def belongs(self, collector_id: str, namespace: str, *, joins: bool) -> None:
        """See `CallWatch`."""
        self._members[collector_id, namespace] = None if joins else self._loop.time()

    def stopped(self, collector_id: str) -> None:
        """A collector has crashed; what it has sent may still come in."""
        for member, namespace in self._members:
            if member == collector_id:
                self._members[member, namespace] = self._loop.time()

    def link(self, collector_id: str, peer_id: str, state: str) -> None:
        """A collector sees a peer in a state."""
        if not self._trace.is_over:
            self.links.append((self._loop.time(), collector_id, peer_id, state))
            self._trace.note("link", collector_id, peer_id, state)

    # ---- rules of the user -----------------------------------------------------------------------------

    def add_rule(self, rule: Callable[[], object]) -> None:
        """Have something checked after everything that happens to a call, and at the end."""
        self._rules.append(rule)

    def at_end(self) -> None:
        """The run is over: nothing may be left."""
        now = self._loop.time()
        for entry in self._calls:
            if not entry.is_over and not entry.host.is_down:
                self._check_time(entry, now)
        self._check_rules()

    def _check_rules(self) -> None:
        for rule in self._rules:
            try:
                outcome = rule()
                if inspect.iscoroutine(outcome):
                    outcome.close()
                    raise TypeError(f"an invariant must be a plain function, {rule!r} is async")
            except Exception as error:  # noqa: BLE001  # wherever the call was made, the rule is not that code's
                self._break(f"{type(error).__name__}: {error}")

    def has_broken(self, what: str) -> None:
        """Something has happened that must not happen."""
        if self.broken_at is None:
            self.broken_at, self.before_broken = self._loop.time(), tuple(self._trace.lines)
        self.broken.append(what)

    def _break(self, what: str) -> None:
        self.has_broken(what)
        self._trace.note("broken", what)


if TYPE_CHECKING:
    _fits: type[CallWatch] = Watch
