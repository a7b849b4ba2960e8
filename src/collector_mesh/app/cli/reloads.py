"""Has a collector that `serve` runs read its configuration again: at a signal, or when its user asks for it."""

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Self

import attrs

from collector_mesh.adapters.grpc.tls import TlsError
from collector_mesh.adapters.runtime.aside import aside
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli.checks import check_all
from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.configuration.origin import Origin
from collector_mesh.app.cli.logs import set_level
from collector_mesh.app.cli.phases import Phases
from collector_mesh.app.cli.problems import Problems
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.collector import Collector
from collector_mesh.app.settings import SettingsError
from collector_mesh.domain.model.errors import MeshError, text_of
from collector_mesh.domain.model.events import ReloadFailed

if TYPE_CHECKING:
    from collector_mesh.domain.model.reloaded import ReloadReport
    from collector_mesh.domain.policies.access_rules import AccessRules

_TAKEN_OVER = frozenset({"peer", "settings", "log_level"})
"""Keys that a collector takes over while it runs, settings at least in part."""

_TOLD = 20
"""Problems that the log tells at once."""


class Reloads:
    """Reads the configuration again, one time after the other.

    However often it is asked for while it is being read, it is read once more: what was asked for is in the file by then.

    Args:
        collector: what goes by it.
        origin: where the configuration comes from.
        sourced: the one that it was made of.
        phases: hear of each time that it is read.
    """

    def __init__(
        self, collector: Collector, origin: Origin, sourced: Sourced, phases: Phases | None = None
    ) -> None:
        self._phases = phases or Phases()
        self._collector = collector
        self._origin = origin
        self._sourced = sourced
        self._has_started = asyncio.Event()
        self._next: asyncio.Future[ReloadReport] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._is_closed = False

    def started(self) -> None:
        """The collector has started: what was asked for before is done now."""
        self._has_started.set()

    def request(self) -> None:
        """Have it read again; the log tells what has come of it."""
        if not self._is_closed:
            self._asked()

    async def reload(self) -> "ReloadReport":
        """Have it read again, and say what has come of it."""
        return _ending() if self._is_closed else await asyncio.shield(self._asked())

    async def __aenter__(self) -> Self:
        """Nothing is done yet."""
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """As `aclose`."""
        await self.aclose()

    async def aclose(self) -> None:
        """Read nothing anymore: the collector is about to end."""
        self._is_closed = True
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        if self._next is not None and not self._next.done():
            self._next.set_result(_ending())

    def _asked(self) -> "asyncio.Future[ReloadReport]":
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="reload")
        return self._next

    async def _work(self) -> None:
        await self._has_started.wait()
        while (asked := self._next) is not None:
            self._next = None
            report = _ending()
            self._phases.reloading()
            try:
                report = await self._reload()
            finally:
                self._phases.reloaded("; ".join(report.problems[:_TOLD]))
                if not asked.done():
                    asked.set_result(report)

    async def _reload(self) -> "ReloadReport":
        from collector_mesh.domain.model.reloaded import ReloadReport

        problems, warnings = Problems(), Problems()
        try:
            sourced, rules = await aside(partial(self._read, problems, warnings))
        except Exception as error:  # noqa: BLE001  # whatever it is, the collector goes on as it was
            sourced = rules = None
            problems.add(text_of(error))
        for text in warnings.texts[:_TOLD]:
            log(logging.WARNING, "configuration_doubtful", {"reason": text})
        if sourced is None or problems:
            texts = problems.texts
            more = f"; and {len(texts) - _TOLD} more" if len(texts) > _TOLD else ""
            observer = self._collector.container.guarded_observer()
            observer.tell(ReloadFailed(self._collector.collector_id, "; ".join(texts[:_TOLD]) + more))
            return ReloadReport(problems=texts, warnings=warnings.texts)
        old, new = self._sourced.config, sourced.config
        others = tuple(sourced.spelled.get(name, name) for name in _different(old, new))
        if rules is None and self._collector.container.access().rules is not None:
            # Half a file must not open everything.
            others = ("access", *others)
        try:
            reloaded = await self._collector.reloading.reload(new.settings, new.peer, rules, others=others)
        except (MeshError, TlsError, SettingsError, ValueError, TypeError, RuntimeError) as error:
            return ReloadReport(problems=(str(error),), warnings=warnings.texts)
        if new.log_level != old.log_level:
            set_level(new.log_level)
            reloaded = attrs.evolve(reloaded, changed=(*reloaded.changed, "log_level"))
        taken = {name: getattr(new, name) for name in _TAKEN_OVER}
        self._sourced = attrs.evolve(sourced, config=attrs.evolve(old, **taken))
        return ReloadReport(reloaded, warnings=warnings.texts)

    def _read(self, problems: Problems, warnings: Problems) -> "tuple[Sourced | None, AccessRules | None]":
        # Most configurations are never read again.
        from collector_mesh.app.cli.configuration.rereading import read_again

        sourced = read_again(self._origin, self._collector.collector_id, problems)
        return sourced, None if sourced is None else check_all(sourced, problems, warnings)


def _ending() -> "ReloadReport":
    """What is told of what is not done anymore."""
    from collector_mesh.domain.model.reloaded import ReloadReport

    return ReloadReport(problems=("the collector is ending",))


def _different(old: ServeConfig, new: ServeConfig) -> tuple[str, ...]:
    """Keys whose values are others, and are taken over at the next start only."""
    return tuple(
        field.name
        for field in attrs.fields(ServeConfig)
        if field.name not in _TAKEN_OVER and getattr(old, field.name) != getattr(new, field.name)
    )
