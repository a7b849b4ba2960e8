"""What metrics are made of: none of it where they are not switched on."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Tasks

if TYPE_CHECKING:
    from collector_mesh.app.container import CollectorContainer
    from collector_mesh.app.metrics.metrics import Metrics
    from collector_mesh.app.options import Options
    from collector_mesh.domain.model.names import MethodKey
    from collector_mesh.domain.watching.method_numbers import SideNumbers
    from collector_mesh.domain.watching.numbers import Numbers


def check_metrics(metrics: object) -> None:
    """See that something says whether there are metrics, or where.

    Raises:
        InvalidCallError: it is an address of another form.
        TypeError: it is neither.
    """
    if isinstance(metrics, bool):
        return
    if not isinstance(metrics, str):
        raise TypeError(f"metrics must be True, False or HOST:PORT, got {kind_of(metrics)}")
    HostPort.parse(metrics, field="metrics")


def check_metrics_place(metrics: bool | str, *, insecure: bool) -> None:  # noqa: FBT001  # or an address
    """See that metrics can be had, and stay on this machine where nobody has said that they may leave it.

    Raises:
        InvalidCallError: the extra is not installed, or they would leave it.
    """
    if not metrics:
        return
    if find_spec("prometheus_client") is None:
        raise InvalidCallError(
            'metrics need prometheus-client: install it with pip install "collector-mesh[metrics]"'
        )
    if isinstance(metrics, str) and not insecure and not HostPort.parse(metrics).is_loopback:
        raise InvalidCallError(
            f"metrics are plaintext, which is refused on {quoted(metrics)}: it is not a loopback address;"
            " allow it with insecure (--insecure)"
        )


def make_numbers(options: "Options", parts: "CollectorContainer") -> "Numbers | None":
    """What counts for metrics alone; the other parts are asked for when a method is called for the first time."""
    if not options.metrics:
        return None
    from collector_mesh.domain.watching.numbers import Numbers

    def is_announced(key: "MethodKey") -> bool:
        # Asked before a call looks for peers itself; what a peer passes on for others counts too.
        topology = parts.topology()
        return topology.having(key) is not None or topology.onward(key) is not None

    return Numbers(lambda key: parts.handlers().has(key), is_announced)


def side_of(numbers: "Numbers | None") -> "SideNumbers | None":
    """What counts the calls that are dispatched."""
    return None if numbers is None else numbers.dispatched


def make_counting(observer: Observer, numbers: "Numbers | None") -> Observer:
    """Who is told what happens, and counts it where somebody wants to know."""
    if numbers is None:
        return observer
    from collector_mesh.domain.watching.numbers import CountingObserver

    return CountingObserver(numbers, observer)


def make_metrics(
    options: "Options",
    numbers: "Numbers | None",
    tasks: Tasks,
    clock: Clock,
    observer: Observer,
    *parts: Any,
    **more: Any,
) -> "Metrics | None":
    """What reads everything that metrics tell, and answers scrapers."""
    if numbers is None:
        return None
    from importlib import metadata

    from collector_mesh.app.metrics.metrics import Metrics
    from collector_mesh.domain.readings import Readings
    from collector_mesh.domain.watching.loop_lag import LoopLag

    version = metadata.version("collector-mesh")
    return Metrics(
        Readings(options.collector_id, version, numbers, *parts, **more),
        LoopLag(numbers, tasks=tasks, clock=clock),
        options.metrics if isinstance(options.metrics, str) else None,
        observer,
    )
