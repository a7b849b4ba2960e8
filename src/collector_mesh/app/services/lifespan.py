"""The lifespan of a service in one collector: what it has open while its methods are served."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from collector_mesh.app.services.callables import BY_POSITION, unwrapped
from collector_mesh.domain.model.errors import is_a, kind_of, text_of
from collector_mesh.domain.serving.life import Life

if TYPE_CHECKING:
    from collector_mesh.domain.ports.tasks import Tasks

MakeLifespan = Callable[[], AbstractAsyncContextManager[Any]]

_ALLOWED = "a lifespan is a callable without arguments that makes an async context manager, as one under @asynccontextmanager"


class LifespanError(RuntimeError):
    """The lifespan of a service could not be opened, so the service is not served; the text names both."""


def check_lifespan(what: str, lifespan: object) -> None:
    """See that something can be a lifespan.

    Args:
        what: the service, as errors name it.
        lifespan: what was given.

    Raises:
        TypeError: it cannot; the text says what it is.
    """
    is_made = hasattr(type(lifespan), "__aenter__") or inspect.iscoroutine(lifespan)
    if inspect.iscoroutine(lifespan):
        lifespan.close()
    flaw = _flaw_of(lifespan) if callable(lifespan) else f"is {kind_of(lifespan)}"
    if flaw:
        hint = "; give the function, without calling it" if is_made else ""
        raise TypeError(f"lifespan of {what} {flaw}{hint}: {_ALLOWED}")


def _flaw_of(lifespan: Callable[..., Any]) -> str:
    """What is wrong with a callable that is to be a lifespan; empty where nothing is known to be."""
    if is_a(lifespan, type) and not (hasattr(lifespan, "__aenter__") and hasattr(lifespan, "__aexit__")):
        return f"is {kind_of(lifespan)}, which is no async context manager"
    if inspect.isasyncgenfunction(lifespan):
        return "is an async generator, and needs @contextlib.asynccontextmanager"
    if inspect.iscoroutinefunction(lifespan):
        return "is an async function, and its result would have to be awaited"
    if inspect.isgeneratorfunction(unwrapped(lifespan)):
        return "is a plain generator, and has to be an async one under @contextlib.asynccontextmanager"
    try:
        parameters = inspect.signature(lifespan).parameters.values()
    except Exception:  # noqa: BLE001  # what it takes shows when it is called
        return ""
    needed = [
        each.name
        for each in parameters
        if each.default is each.empty and (each.kind in BY_POSITION or each.kind is each.KEYWORD_ONLY)
    ]
    return f"needs arguments ({', '.join(needed)})" if needed else ""


class Lifespan:
    """Opens and closes a lifespan, both in one task: scopes and groups of tasks in it need that.

    Args:
        name: the service, as errors name it.
        make: makes the context manager.
        life: gets what it yields.
        tasks: own the task.
        failed: told the phase, and what was raised, where nobody else is.
    """

    def __init__(
        self,
        name: str,
        make: MakeLifespan,
        life: Life,
        *,
        tasks: "Callable[[], Tasks]",
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._name = name
        self._make = make
        self._life = life
        self._tasks = tasks
        self._failed = failed
        self._task: asyncio.Task[Any] | None = None
        self._opened: asyncio.Future[BaseException | None] | None = None
        """Gives what was raised, None where it is open."""
        self._ended: asyncio.Future[None] | None = None
        self._closing = asyncio.Event()
        self._is_given_up = False

    async def open(self, seconds: float) -> None:
        """Open it, within some seconds.

        Raises:
            LifespanError: it has raised, or has not opened in time.
        """
        loop = asyncio.get_running_loop()
        opened, self._ended = loop.create_future(), loop.create_future()
        self._opened = opened
        self._tasks().start(self._run(opened, self._ended), f"lifespan of {self._name}")
        try:
            await asyncio.wait((opened,), timeout=seconds)
        except BaseException:
            await self._give_up()
            raise
        if not opened.done():
            await self._give_up()
            raise LifespanError(
                f"lifespan of {self._name} has not opened within {seconds:g} s (lifespan_open_timeout)"
            )
        if (error := opened.result()) is not None:
            raise LifespanError(f"lifespan of {self._name} has not opened: {reason_of(error)}") from error

    async def close(self, seconds: float) -> None:
        """Close it, within some seconds; what it raises is told. One that is still opening is given up."""
        opened, ended = self._opened, self._ended
        if opened is None or ended is None:
            return
        self._closing.set()
        if not opened.done():
            await self._give_up()
            return
        try:
            await asyncio.wait((ended,), timeout=seconds)
        except BaseException:
            await self._give_up()
            raise
        if not ended.done() and not self._is_given_up:
            text = f"it has not closed within {seconds:g} s (lifespan_close_timeout)"
            self._failed("closing", TimeoutError(text))
            await self._give_up()

    async def _give_up(self) -> None:
        """Cancel it, and wait for that, but not for long."""
        self._is_given_up = True
        if self._task is not None:
            self._task.cancel()
        if self._ended is not None:
            # Whoever imports a service need not run anything.
            from collector_mesh.adapters.runtime.tasks import PATIENCE_SECONDS

            await asyncio.wait((self._ended,), timeout=PATIENCE_SECONDS)

    async def _run(
        self, opened: "asyncio.Future[BaseException | None]", ended: "asyncio.Future[None]"
    ) -> None:
        self._task = asyncio.current_task()
        outcome: BaseException | None = asyncio.CancelledError()
        try:
            if not self._is_given_up:
                async with self._make() as self._life.state:
                    opened.set_result(None)
                    await self._closing.wait()
        except (KeyboardInterrupt, GeneratorExit):
            # The user's, at the terminal; or no loop runs anymore.
            raise
        except BaseException as error:
            if self._tasks().is_cancellation(error):
                raise
            outcome = error
            if opened.done() and not self._is_given_up:
                self._failed("closing" if self._closing.is_set() else "running", error)
        finally:
            if not opened.done():
                opened.set_result(outcome)
            ended.set_result(None)


def reason_of(error: BaseException) -> str:
    """What was raised, for people: the class and the text."""
    name, text = type(error).__name__, text_of(error)
    return text if text.startswith(name) else f"{name}: {text}"
