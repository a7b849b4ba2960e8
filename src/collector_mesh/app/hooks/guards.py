"""Users' objects, so that whatever they raise is an answer or a log line: the rest of the mesh relies on it.

What may go on is KeyboardInterrupt, which is the user's at the terminal, and a cancellation that was asked for.
"""

import inspect
from typing import TYPE_CHECKING, Any

from collector_mesh.app.hooks.shape import check_authorizer, check_observer
from collector_mesh.domain.model.errors import kind_of
from collector_mesh.domain.model.events import Event, HookFailed
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.authorizer import Authorizer, ServingAuthorizer
from collector_mesh.domain.ports.observer import Observer


class GuardedObserver:
    """An observer that never raises: what it cannot take is logged.

    Args:
        observer: the user's, or that of the mesh.
        collector_id: of the collector that tells.
        log: told what the observer cannot take.

    Raises:
        TypeError: it is no observer.
    """

    def __init__(self, observer: Observer, collector_id: str, log: Observer) -> None:
        check_observer(observer)
        self._observer = observer
        self._log = log
        self._collector_id = collector_id

    def tell(self, event: Event) -> None:
        """See the port."""
        try:
            # Looked up each time: a test may put another one in its place.
            found: object = self._observer.tell(event)  # type: ignore[func-returns-value]  # a user's may give something
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a user's code raises
            self._failed(error)
            return
        if found is not None and inspect.isawaitable(found):
            dispose(found)
            self._failed(TypeError("the observer gives something to await, which nobody does"))

    def _failed(self, error: BaseException) -> None:
        try:
            self._log.tell(HookFailed(self._collector_id, "observer", error))
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001  # a handler or filter of the user's: there is nobody left to tell
            return


class HookFailures:
    """Tells the observer which hooks have failed.

    Args:
        collector_id: of the collector whose hooks they are.
        observer: who is told; it does not raise.
    """

    def __init__(self, collector_id: str, observer: Observer) -> None:
        self._collector_id = collector_id
        self._observer = observer

    def failed(self, hook: str, error: BaseException) -> None:
        """A hook has raised, or has given what means nothing."""
        self._observer.tell(HookFailed(self._collector_id, hook, error))


class GuardedAuthorizer:
    """An authorizer that says no where the user's raises, or says anything but yes.

    Args:
        authorizer: the user's.
        failures: told of what is wrong with it.

    Raises:
        TypeError: it is no authorizer.
    """

    def __init__(self, authorizer: Authorizer, failures: HookFailures) -> None:
        check_authorizer(authorizer)
        self._authorizer: Any = authorizer
        self.decides_serving = getattr(authorizer, "may_serve", None) is not None
        self._failures = failures

    def may_use(self, identity: Identity | None, namespace: str, /) -> bool:
        """See the port."""
        return self._ask("may_use", identity, namespace)

    def may_serve(self, identity: Identity | None, collector_id: str, namespace: str, /) -> bool:
        """Whether a collector may serve a namespace; an authorizer that is not made for that is asked who may use it."""
        if not self.decides_serving:
            return self.may_use(identity, namespace)
        return self._ask("may_serve", identity, collector_id, namespace)

    def _ask(self, name: str, *arguments: object) -> bool:
        try:
            # Looked up each time: a test may put another one in its place.
            answer = getattr(self._authorizer, name)(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a user's code raises
            self._failures.failed(f"authorizer.{name}", error)
            return False
        if answer is True or answer is False:
            return answer
        dispose(answer)
        odd = TypeError(f"{name} of an authorizer must give True or False, got {kind_of(answer)}")
        self._failures.failed(f"authorizer.{name}", odd)
        return False


def dispose(found: object) -> None:
    """Let go of something to await that nobody awaits, without a warning."""
    if inspect.iscoroutine(found):
        found.close()


if TYPE_CHECKING:
    _observer_fits: type[Observer] = GuardedObserver
    _authorizer_fits: type[ServingAuthorizer] = GuardedAuthorizer
