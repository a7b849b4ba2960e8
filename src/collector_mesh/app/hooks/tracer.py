"""A tracer, so that whatever it does is a log line and no call notices: the rest of the mesh relies on it."""

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from collector_mesh.app.hooks.guards import dispose
from collector_mesh.app.hooks.shape import check_tracer
from collector_mesh.domain.model.errors import kind_of
from collector_mesh.domain.model.events import HookFailed, TracesAway, TracesBack
from collector_mesh.domain.model.span import Span
from collector_mesh.domain.model.trace_context import IDS_BYTES, NO_TRACE, checked_trace
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tracer import Tracer


class GuardedTracer:
    """A tracer that never raises.

    Args:
        tracer: the user's, or ours.
        collector_id: of the collector that tells it; empty for a client.
        observer: told where it raises, and where what it has taken cannot be passed on; it does not raise.

    Raises:
        TypeError: it is no tracer.
    """

    def __init__(self, tracer: Tracer, collector_id: str, observer: Observer) -> None:
        check_tracer(tracer)
        self._tracer: Any = tracer
        self._collector_id = collector_id
        self._observer = observer
        self._failure = ""

    def ended(self, span: Span) -> None:
        """See the port."""
        try:
            found: object = self._tracer.ended(span)
            self._look()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a user's code raises
            self._failed("ended", error)
            return
        self._check_plain("ended", found)

    def current(self) -> bytes:
        """See the port."""
        try:
            found: object = self._tracer.current()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # as above
            self._failed("current", error)
            return NO_TRACE
        if type(found) is bytes:
            # Nothing else than what a call may carry; ours gives nothing else.
            return checked_trace(found[:IDS_BYTES], str(found[IDS_BYTES:], "latin-1")) if found else NO_TRACE
        dispose(found)
        self._failed("current", TypeError(f"a tracer must give bytes, got {kind_of(found)}"))
        return NO_TRACE

    def enter(self, trace: bytes) -> None:
        """See the port."""
        try:
            found: object = self._tracer.enter(trace)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # as above
            self._failed("enter", error)
            return
        self._check_plain("enter", found)

    async def flush(self, timeout: float) -> None:
        """See the port; whoever awaits it heeds the time."""
        try:
            await self._tracer.flush(timeout)
            self._look()
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001  # as above
            self._failed("flush", error)

    def _look(self) -> None:
        """Tell it where what was taken cannot be passed on, and where it can again."""
        failure = getattr(self._tracer, "failure", "")
        if bool(failure) != bool(self._failure):
            lost = getattr(self._tracer, "lost", 0)
            event = (
                TracesAway(self._collector_id, failure) if failure else TracesBack(self._collector_id, lost)
            )
            self._observer.tell(event)
        self._failure = failure

    def _check_plain(self, name: str, found: object) -> None:
        if found is not None and inspect.isawaitable(found):
            dispose(found)
            self._failed(name, TypeError("the tracer gives something to await, which nobody does"))

    def _failed(self, name: str, error: BaseException) -> None:
        self._observer.tell(HookFailed(self._collector_id, f"tracer.{name}", error))


if TYPE_CHECKING:
    _fits: type[Tracer] = GuardedTracer
