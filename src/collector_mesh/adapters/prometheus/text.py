"""Metrics in the formats that Prometheus reads, made by its own library."""

import gzip
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import attrs
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.utils import floatToGoString

from collector_mesh.domain.watching import families
from collector_mesh.domain.watching.families import COLLECTOR, METRICS, Buckets, Family, Sample
from collector_mesh.domain.watching.method_numbers import BOUNDS

_SLICE = 50
"""Samples whose text is made in one go; a millisecond, or two on a slow machine."""

_PAUSE_SECONDS = 0.001
"""Between two of them: whoever wants to run, as the event loop does, comes first."""

_END = b"# EOF\n"
_LONGEST_ACCEPT = 1024
_NO_WEIGHT = re.compile(r"q *= *0(\.0*)?")
_EDGES = (*map(floatToGoString, BOUNDS), "+Inf")

Encoder = Callable[[Any], bytes]
Read = tuple[str, Sequence[Family]]
"""What was read of a collector, with its id."""


@attrs.frozen
class Format:
    """How a text is to be made.

    Attributes:
        content_type: what it says of itself.
        is_gzip: whether it is compressed.
        encoder: makes it of a registry.
    """

    content_type: str
    is_gzip: bool
    encoder: Encoder = attrs.field(eq=False)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The same as headers of an answer."""
        kind = ("Content-Type", self.content_type)
        return (kind, ("Content-Encoding", "gzip")) if self.is_gzip else (kind,)


def format_of(accept: str, accept_encoding: str) -> Format:
    """The format that somebody wants who sends these headers; the plain one where they say nothing that is known."""
    encoder: Encoder
    try:
        encoder, content_type = choose_encoder(accept[:_LONGEST_ACCEPT])
    except Exception:  # noqa: BLE001  # the library takes what looks like a version as one
        encoder, content_type = choose_encoder("")
    if not (content_type.isascii() and content_type.isprintable()):
        encoder, content_type = choose_encoder("")
    return Format(content_type, _takes_gzip(accept_encoding[:_LONGEST_ACCEPT]), encoder)


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether somebody takes what is compressed with gzip; the library does not look at the weight, which may be 0."""
    for coding in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in coding.split(";"))
        if name == "gzip" and not any(map(_NO_WEIGHT.fullmatch, parameters)):
            return True
    return False


def metrics_of(read: Iterable[Read]) -> list[Metric]:
    """What was read of collectors, as the library has it: each metric once, with the samples of all of them."""
    made: dict[str, Metric] = {}
    for collector_id, told in read:
        for family in told:
            known = family.metric
            metric = made.get(known.name)
            if metric is None:
                metric = made[known.name] = _empty(known)
            names = (COLLECTOR, *known.labels)
            for sample in family.samples:
                _add(
                    metric, known.name, dict(zip(names, (collector_id, *sample.labels), strict=True)), sample
                )
    return list(made.values())


def described() -> list[Metric]:
    """Which metrics there are, without their values."""
    return [_empty(known) for known in METRICS.values()]


def of_process() -> list[Metric]:
    """What the library tells of the process: memory, processor time, open files, version of Python."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return list(registry.collect())


def text_of(metrics: Iterable[Metric], form: Format) -> bytes:
    """The text, made in slices with pauses, so that other threads are not kept waiting. It blocks."""
    parts = []
    for part in _slices(metrics):
        made = form.encoder(part)
        parts.append(made.removesuffix(_END))
        if part.is_continued:
            parts[-1] = b"\n".join(line for line in parts[-1].split(b"\n") if not line.startswith(b"#"))
        time.sleep(_PAUSE_SECONDS)
    if form.encoder is not generate_latest and form.content_type.startswith("application/openmetrics-text"):
        parts.append(_END)
    whole = b"".join(parts)
    return gzip.compress(whole, compresslevel=1) if form.is_gzip else whole


class _Part:
    """Some samples of one metric, as a registry that has nothing else."""

    def __init__(self, metric: Metric, *, is_continued: bool) -> None:
        self._metric = metric
        self.is_continued = is_continued
        """Whether the lines that describe the metric have been made before."""

    def collect(self) -> Iterable[Metric]:
        """What the library asks a registry for."""
        return (self._metric,)


def _slices(metrics: Iterable[Metric]) -> Iterator[_Part]:
    for metric in metrics:
        for first in range(0, max(1, len(metric.samples)), _SLICE):
            part = Metric(metric.name, metric.documentation, metric.type)
            part.samples = metric.samples[first : first + _SLICE]
            yield _Part(part, is_continued=first > 0)


def _empty(known: families.Metric) -> Metric:
    return Metric(known.name.removesuffix("_total"), known.text, known.kind)


def _add(metric: Metric, name: str, labels: dict[str, str], sample: Sample) -> None:
    value = sample.value
    if not isinstance(value, Buckets):
        metric.add_sample(name, labels, float(value))
        return
    for edge, count in zip(_EDGES, accumulate(value.counts), strict=True):
        metric.add_sample(f"{name}_bucket", {**labels, "le": edge}, count)
    metric.add_sample(f"{name}_count", labels, sum(value.counts))
    metric.add_sample(f"{name}_sum", labels, value.seconds)
