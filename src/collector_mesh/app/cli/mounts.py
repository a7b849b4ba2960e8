"""The servicers that a user names for `serve --mount`."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.objects import load
from collector_mesh.app.services.lifespan import reason_of
from collector_mesh.domain.model.errors import is_a, kind_of

if TYPE_CHECKING:
    from collector_mesh.app.collector import Collector

Mounting = Callable[["Collector"], None]
"""Mounts something at a collector."""


def load_mount(reference: str, option: str) -> Mounting:
    """What a reference says that is to be mounted; the objects are imported, and a servicer is made.

    Args:
        reference: NAMESPACE=MODULE:ADDER=MODULE:SERVICER, the servicer an instance or what makes one; or MODULE:CALLABLE.
        option: what the user has given it as, for the error.

    Raises:
        CommandError: an object cannot be imported, or a servicer not made.
    """
    where = f"{option} {reference}"
    if "=" not in reference:
        return _by_callable(load(reference, option=option), where)
    namespace, adder_reference, servicer_reference = reference.split("=")
    adder, found = load(adder_reference, option=option), load(servicer_reference, option=option)
    if is_a(adder, type) and inspect.isroutine(found):
        raise CommandError(f"{where}: adder and servicer seem to be swapped: {adder_reference} is a class")
    servicer = _servicer(found, where)

    def mount(collector: "Collector") -> None:
        _told(where, lambda: collector.mount(namespace, adder, servicer))

    return mount


def _by_callable(function: Any, where: str) -> Mounting:
    if not callable(function):
        raise CommandError(
            f"{where}: must be a callable that takes the collector and mounts, got {kind_of(function)}"
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise CommandError(f"{where}: must be a callable that takes the collector alone: {error}") from error
    except ValueError:
        pass  # it says nothing of what it takes

    def mount(collector: "Collector") -> None:
        made = _told(where, lambda: function(collector))
        if inspect.iscoroutine(made):
            made.close()
            raise CommandError(f"{where}: must be a plain callable, got an async one: mount does not wait")

    return mount


def _servicer(found: Any, where: str) -> Any:
    """The servicer itself, or what a class or a function makes."""
    if not is_a(found, type) and not inspect.isroutine(found):
        return found
    try:
        made = found()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # SystemExit too: it is what is loaded that wants to end, and not the user.
        raise CommandError(f"{where}: no servicer was made: {reason_of(error)}") from error
    if inspect.iscoroutine(made):
        made.close()
        raise CommandError(f"{where}: what makes a servicer must be a plain callable, got an async one")
    return made


def _told(where: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except KeyboardInterrupt:
        raise
    except (CommandError, TypeError, ValueError) as error:
        raise CommandError(f"{where}: {error}") from error
    except BaseException as error:
        raise CommandError(f"{where}: nothing was mounted: {reason_of(error)}") from error
