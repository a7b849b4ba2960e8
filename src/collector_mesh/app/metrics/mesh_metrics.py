"""The metrics of collectors for programs that have an endpoint, or a registry of Prometheus, of their own."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from collector_mesh.adapters.prometheus.text import described, format_of, metrics_of, text_of

if TYPE_CHECKING:
    from collector_mesh.app.collector import Collector
    from collector_mesh.app.metrics.metrics import Metrics


class MeshMetrics:
    """Collectors as a registry of `prometheus_client` takes them: `registry.register(MeshMetrics(collector))`.

    The registry may be asked in any thread. In one that is not the collector's it waits for the event loop of the collector, for 5 s at
    most. Each series has the label `collector`. All collectors of a process are registered as one: `MeshMetrics(one, other)`.

    Args:
        collectors: made with `metrics=True`, or with an address.

    Raises:
        ValueError: there is none, or one counts nothing.
    """

    def __init__(self, *collectors: "Collector") -> None:
        if not collectors:
            raise ValueError("MeshMetrics needs a collector")
        self._metrics = tuple(map(_of, collectors))

    def describe(self) -> Iterable[Metric]:
        """What the registry asks when this is registered: which metrics there are, without their values."""
        return described()

    def collect(self) -> Iterable[Metric]:
        """What the registry asks at each scrape.

        Raises:
            TimeoutError: the event loop of a collector does nothing.
        """
        return metrics_of([(metrics.collector_id, metrics.read_from_anywhere()) for metrics in self._metrics])


async def exposition(
    *collectors: "Collector", accept: str = "", accept_encoding: str = ""
) -> tuple[bytes, dict[str, str]]:
    """The metrics of collectors as a text, made in slices in a thread, for an endpoint of your own.

    It is called in the event loop of the collectors.

    Args:
        collectors: made with `metrics=True`, or with an address.
        accept: header `Accept` of the request: with what Prometheus sends the format is OpenMetrics.
        accept_encoding: header `Accept-Encoding` of the request; with `gzip` the text is compressed.

    Returns:
        The body, and the headers that say what it is.

    Raises:
        ValueError: a collector counts nothing.
    """
    form = format_of(accept, accept_encoding)
    read = [(metrics.collector_id, await metrics.read()) for metrics in map(_of, collectors)]
    body = await asyncio.to_thread(lambda: text_of(metrics_of(read), form))
    return body, dict(form.headers)


def _of(collector: "Collector") -> "Metrics":
    metrics = collector.container.metrics()
    if metrics is None:
        raise ValueError(f"collector {collector.collector_id!r} counts nothing: make it with metrics=True")
    return metrics
