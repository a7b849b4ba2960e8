"""A collector as metrics tell of it: its numbers, and how its parts are when somebody asks."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from collector_mesh.domain.inspection import Inspection
from collector_mesh.domain.model.counts import OTHERS, Counts
from collector_mesh.domain.model.snapshot import State
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit
from collector_mesh.domain.serving.plain import PlainFunctions
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology
from collector_mesh.domain.watching.families import METRICS, Buckets, Family, Sample
from collector_mesh.domain.watching.method_numbers import OTHER_CODES, SideNumbers
from collector_mesh.domain.watching.numbers import Numbers

MAX_SERIES = 2000
"""Series that a collector has at most, whatever others call things."""

_NOT_OURS = 40
"""How many of them are left for what is told of the process."""

_MAX_NAMESPACES = 20
_PEER_SERIES = 3
_STATES = ("new", "serving", "draining", "closed")

_Samples = Iterable[tuple[tuple[str, ...], float | Buckets]]


class Readings:
    """Reads everything that metrics tell, in steps.

    Args:
        collector_id: its id.
        version: of the program.
        numbers: what is counted for metrics alone.
        counts: what is counted anyway.
        inspection: knows the state.
        topology: who is connected.
        keeping: gives what dials; asked for only while the collector is open.
        streams: gives the links, in the same way.
        running: handlers that run.
        outgoing: calls under way out of here.
        plain: knows which calls wait for a thread.
    """

    def __init__(
        self,
        collector_id: str,
        version: str,
        numbers: Numbers,
        counts: Counts,
        inspection: Inspection,
        topology: Topology,
        keeping: Callable[[], Keeping],
        streams: Callable[[], Streams],
        *,
        running: ConcurrencyLimit,
        outgoing: ConcurrencyLimit,
        plain: PlainFunctions,
    ) -> None:
        self.collector_id = collector_id
        self._version = version
        self._numbers = numbers
        self._counts = counts
        self._inspection = inspection
        self._topology = topology
        self._keeping = keeping
        self._streams = streams
        self._running = running
        self._outgoing = outgoing
        self._plain = plain

    def read(self) -> Iterator[Family]:
        """Read one metric after the other; between two of them other work may be done."""
        self._numbers.forget()
        left = MAX_SERIES - _NOT_OURS
        for family in self._all_but_peers():
            left -= family.series
            yield family
        yield from self._peers(left // _PEER_SERIES)

    def _all_but_peers(self) -> Iterator[Family]:
        state = self._inspection.state
        yield _family("info", [((self._version,), 1)])
        yield _family("state", [((each,), each == state) for each in _STATES])
        yield from _side("dispatched", self._numbers.dispatched)
        yield from _side("served", self._numbers.served)
        yield from self._attempts()
        yield _one("breakers_open", self._open_breakers())
        yield from self._admission()
        yield from self._links(is_open=state in {"serving", "draining"})
        numbers = self._numbers
        yield _counted("limit_reached_total", numbers.limits)
        yield _counted("events_total", numbers.events)
        yield _family("loop_lag_seconds", [((), Buckets(tuple(numbers.lags), numbers.lag_seconds))])

    def _attempts(self) -> Iterator[Family]:
        counts = self._counts
        failed = {reason.name.lower(): number for reason, number in counts.failed_attempts.items()}
        yield _one("attempts_total", counts.attempts)
        yield _counted("attempts_failed_total", failed)
        yield _one("retries_total", counts.retries)
        yield _one("retries_refused_total", counts.retries_refused)
        yield _one("passed_on_total", counts.passed_on)
        lost = {
            "answered": counts.lost_answered,
            "not_run": counts.lost_not_run,
            "unknown": counts.lost_unknown,
        }
        yield _counted("lost_calls_total", lost)
        yield _counted("shed_total", _first_of(counts.shed))
        yield _one("breakers_opened_total", counts.breakers_opened)
        yield _one("breakers_shut_total", counts.breakers_shut)

    def _open_breakers(self) -> int:
        of_peer = self._topology.standings.of_peer
        return sum(
            standing.breaker.is_open
            for connection in self._topology
            for standing in of_peer(connection.peer_id)
        )

    def _admission(self) -> Iterator[Family]:
        running, outgoing = self._running, self._outgoing
        yield _family(
            "admitted",
            [
                (("max_running",), running.taken),
                (("max_outgoing",), outgoing.taken),
                (("max_waiting",), self._plain.waiting),
            ],
        )
        yield _family(
            "admitted_limit",
            [
                (("max_running",), running.limit),
                (("max_outgoing",), outgoing.limit),
                (("max_waiting",), self._plain.most_waiting),
            ],
        )

    def _links(self, *, is_open: bool) -> Iterator[Family]:
        if not is_open:
            # To look at what is not open would make it.
            return
        streams = self._streams()
        yield _one("held_bytes", streams.holdings.held_bytes)
        yield _one("held_bytes_limit", streams.holdings.budget)
        yield _one("links", streams.number)
        yield _one("clients", streams.clients)
        yield _one("dialing", len(self._keeping().dialing))

    def _peers(self, most: int) -> Iterator[Family]:
        """Peers: those apart that have trouble first; beyond a number the others are summed."""
        connections = sorted(self._topology, key=_trouble_first)
        states = Counter(connection.state for connection in connections)
        yield _family("peers", [((state,), states[state]) for state in get_args(State)])
        most -= -(-len(get_args(State)) // _PEER_SERIES)
        if len(connections) > most:
            most -= 1
        apart, others = connections[:most], connections[most:]
        yield _family("peer_state", [((each.peer_id, each.state), 1) for each in apart])
        in_flight = [((each.peer_id,), float(each.way.in_flight)) for each in apart]
        trips = [((each.peer_id,), trip) for each in apart if (trip := each.way.round_trip) is not None]
        if others:
            in_flight.append(((OTHERS,), float(sum(each.way.in_flight for each in others))))
            trips.append(((OTHERS,), max(each.way.round_trip or 0.0 for each in others)))
        yield _family("peer_in_flight", in_flight)
        yield _family("peer_round_trip_seconds", trips)


def _side(word: str, side: SideNumbers) -> Iterator[Family]:
    methods = list(side.read())
    yield _family(
        f"{word}_seconds",
        [(key, Buckets(numbers.buckets, numbers.seconds)) for key, numbers in methods],
    )
    yield _family(
        f"{word}_errors_total",
        [
            ((*key, OTHERS if code == OTHER_CODES else str(code)), number)
            for key, numbers in methods
            for code, number in sorted(numbers.errors.items())
        ],
    )
    yield _family(f"{word}_in_flight", [(key, numbers.in_flight) for key, numbers in methods])


def _first_of(shed: dict[str, int]) -> dict[str, int]:
    """What was shed of the namespaces of which some was shed first; the rest summed."""
    first = [name for name in shed if name != OTHERS][:_MAX_NAMESPACES]
    kept = {name: shed[name] for name in first}
    if rest := sum(shed.values()) - sum(kept.values()):
        kept[OTHERS] = rest
    return kept


def _trouble_first(connection: Connection) -> tuple[bool, str]:
    return connection.state == "live", connection.peer_id


def _one(name: str, value: float) -> Family:
    return _family(name, [((), value)])


def _counted(name: str, numbers: dict[str, int]) -> Family:
    return _family(name, [((word,), number) for word, number in sorted(numbers.items())])


def _family(name: str, samples: _Samples) -> Family:
    return Family(METRICS[name], tuple(Sample(tuple(labels), value) for labels, value in samples))
