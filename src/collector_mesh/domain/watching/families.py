"""What metrics there are: the one list that the program exports, and that the page about them is held against."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import attrs

Kind = Literal["counter", "gauge", "histogram"]

COLLECTOR = "collector"
"""The label that every series has: the id of the collector."""

PREFIX = "collector_mesh_"
"""How the names of all metrics begin."""

_METHOD = ("namespace", "service", "method")


@attrs.frozen
class Metric:
    """A metric, as programs know it.

    Attributes:
        name: its name; a counter's ends in `_total`.
        kind: what it is.
        text: what it tells, in one line.
        labels: names of its labels, beside `COLLECTOR`.
    """

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()


@attrs.frozen
class Buckets:
    """What a histogram has counted.

    Attributes:
        counts: in each bucket, without those below it.
        seconds: the sum of all.
    """

    counts: tuple[int, ...]
    seconds: float


@attrs.frozen
class Sample:
    """One value of a metric; of a histogram, all that it has counted.

    Attributes:
        labels: values of the labels, in the order of their names.
        value: the value.
    """

    labels: tuple[str, ...]
    value: float | Buckets

    @property
    def series(self) -> int:
        """How many series it takes."""
        return len(self.value.counts) + 2 if isinstance(self.value, Buckets) else 1


@attrs.frozen
class Family:
    """A metric with its values now."""

    metric: Metric
    samples: tuple[Sample, ...]

    @property
    def series(self) -> int:
        """How many series it takes."""
        return sum(sample.series for sample in self.samples)


def _listed(*metrics: Metric) -> Mapping[str, Metric]:
    return MappingProxyType({metric.name.removeprefix(PREFIX): metric for metric in metrics})


def _metric(name: str, kind: Kind, text: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, kind, text, labels)


METRICS = _listed(
    _metric("info", "gauge", "1, with the version of collector-mesh.", "version"),
    _metric("state", "gauge", "1 for the state that the collector is in, 0 for the others.", "state"),
    _metric(
        "dispatched_seconds", "histogram", "Calls dispatched here and how long they took, by method.", *_METHOD
    ),
    _metric(
        "dispatched_errors_total",
        "counter",
        "Calls dispatched here that had another code than 200; 499 where the caller had gone.",
        *_METHOD,
        "code",
    ),
    _metric("dispatched_in_flight", "gauge", "Calls dispatched here that have not ended.", *_METHOD),
    _metric("served_seconds", "histogram", "Calls to handlers here and how long they took, by method.", *_METHOD),
    _metric(
        "served_errors_total",
        "counter",
        "Calls to handlers here that had another code than 200; 499 where the caller had gone.",
        *_METHOD,
        "code",
    ),
    _metric("served_in_flight", "gauge", "Calls to handlers here that have not ended.", *_METHOD),
    _metric("attempts_total", "counter", "Attempts at peers."),
    _metric("attempts_failed_total", "counter", "Attempts at peers that had no success, by reason.", "reason"),
    _metric("retries_total", "counter", "Attempts after the first one of a call."),
    _metric("retries_refused_total", "counter", "Retries that a retry budget has refused."),
    _metric("passed_on_total", "counter", "Calls of peers that were passed on to other peers."),
    _metric("lost_calls_total", "counter", "Calls whose link was lost, by what was found out about them.", "outcome"),
    _metric("shed_total", "counter", "Calls that were refused because a limit was reached, by namespace.", "namespace"),
    _metric("breakers_open", "gauge", "Breakers that are open, of all peers and namespaces."),
    _metric("breakers_opened_total", "counter", "Breakers that have opened."),
    _metric("breakers_shut_total", "counter", "Breakers that have shut after a probe."),
    _metric(
        "admitted",
        "gauge",
        "What there is now of what a setting limits: handlers, calls out of here, plain calls that wait for a thread.",
        "limit",
    ),
    _metric("admitted_limit", "gauge", "How much of it there may be.", "limit"),
    _metric("held_bytes", "gauge", "Bytes held for others: calls, queues, parts of payloads, tables."),
    _metric("held_bytes_limit", "gauge", "How many there may be."),
    _metric("peers", "gauge", "Peers, by state.", "state"),
    _metric("peer_state", "gauge", "1, with the state of a peer.", "peer", "state"),
    _metric("peer_in_flight", "gauge", "Calls that were sent to a peer, or wait to be, without an answer yet.", "peer"),
    _metric("peer_round_trip_seconds", "gauge", "How long the last heartbeat of a link and its answer took.", "peer"),
    _metric("links", "gauge", "Links, those of clients included."),
    _metric("clients", "gauge", "Links of programs outside the mesh."),
    _metric("dialing", "gauge", "Addresses of wanted peers that have never answered."),
    _metric("limit_reached_total", "counter", "Refusals and ends of links because a limit was reached, by its name; of calls that are shed, when that begins.", "limit"),
    _metric("events_total", "counter", "Events, by their words in the log, and each time.", "event"),
    _metric("loop_lag_seconds", "histogram", "How late the event loop was, looked at four times a second."),
)  # fmt: skip
"""All metrics, by their names without the prefix, in the order in which they are told."""
