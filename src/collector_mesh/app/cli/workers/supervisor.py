"""`serve --workers N`: starts the workers, starts those again that have ended, and ends all of them together.

It is a process of one thread without an event loop, which does nothing but wait.
"""

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from types import FrameType

from collector_mesh.adapters.runtime.randomness import SystemRandomness
from collector_mesh.adapters.systemd.notifier import Notifier, from_environment
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli.errors import EXIT_FAILED, EXIT_USAGE
from collector_mesh.app.cli.logs import configure
from collector_mesh.app.cli.workers.output import Lossy
from collector_mesh.app.cli.workers.process import WorkerProcess
from collector_mesh.app.cli.workers.words import ADDRESS, ERROR, REFUSED, Supervision
from collector_mesh.domain.model.texts import escaped

EXIT_KILLED = 130

_ONE_SIGNAL_SECONDS = 0.2
"""As of a collector alone: what comes so soon after the first signal is no second one."""

_MOST_FAILED_STARTS = 5
"""Starts of one worker that fail, none having gone well, before all is given up."""

_RELOAD_SECONDS = 60.0

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def supervise(told: str) -> int:
    """Run the workers until a signal; gives the exit status.

    Args:
        told: what it has to know, see `Supervision`.
    """
    supervision = Supervision.of(told)
    sys.stdout, sys.stderr = Lossy(1, sys.stdout), Lossy(2, sys.stderr)
    configure(supervision.log_format, supervision.log_level, named=supervision.id)

    def not_told(reason: str) -> None:
        log(logging.WARNING, "notify_failed", {"reason": reason})

    return Supervisor(supervision, from_environment(os.environ, on_failure=not_told)).run()


class Supervisor:
    """Supervises workers.

    Args:
        told: what it has to know.
        notifier: the way to systemd, if that has started this process.
    """

    def __init__(self, told: Supervision, notifier: Notifier | None) -> None:
        self._id, self._notifier = told.id, notifier
        watchdog = None if notifier is None else notifier.watchdog
        self._workers = [WorkerProcess(told.id, index, watchdog) for index in range(told.number)]
        self._end_seconds = told.end_seconds
        self._selector = selectors.DefaultSelector()
        self._dice = SystemRandomness()
        self._environment = dict(os.environ)
        self._command = told.command
        self._received: list[int] = []
        self._alive_at = 0.0
        self._was_ready = False
        self._status = 0
        self._stop_at: float | None = None
        """When the end began."""
        self._kill_at = self._reload_until = float("inf")

    def run(self) -> int:
        """Do so until all have ended; gives the exit status."""
        woken, waker = socket.socketpair()
        with woken, waker, self._selector:
            woken.setblocking(False)
            waker.setblocking(False)
            self._selector.register(woken, selectors.EVENT_READ)
            # A signal that comes right before the wait ends it.
            signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
            for number in _SIGNALS:
                signal.signal(number, self._receive)
            while self._stop_at is None or any(worker.is_running for worker in self._workers):
                self._step(woken)
            signal.set_wakeup_fd(-1)
        return self._status

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)

    def _step(self, woken: socket.socket) -> None:
        now = time.monotonic()
        self._do_what_is_due(now)
        for key, _ in self._selector.select(max(0.0, self._next() - now)):
            if key.fileobj is woken:
                woken.recv(4096)
            else:
                self._hear(key.data)
        while self._received:
            self._take(self._received.pop(0))
        for worker in self._workers:
            if worker.is_running and worker.process is not None and worker.process.poll() is not None:
                self._hear(worker)
                self._ended(worker, worker.process.returncode)

    def _next(self) -> float:
        """When something is due."""
        times = [self._kill_at, self._reload_until]
        times += [worker.restart_at for worker in self._workers if worker.restart_at is not None]
        notifier = self._notifier
        if notifier is not None:
            if notifier.is_behind:
                times.append(time.monotonic() + 0.1)
            if notifier.watchdog is not None:
                times.append(self._alive_at + notifier.watchdog / 2)
        return min([*times, time.monotonic() + 3600])

    def _do_what_is_due(self, now: float) -> None:
        notifier = self._notifier
        if notifier is not None:
            notifier.flush()
            if notifier.watchdog is not None and now >= self._alive_at + notifier.watchdog / 2:
                self._alive_at = now
                notifier.alive()
                self._look_for_stuck(now, notifier.watchdog)
        for worker in self._workers:
            if worker.restart_at is not None and now >= worker.restart_at and self._stop_at is None:
                self._start(worker)
        if now >= self._reload_until:
            self._reloaded()
        if now >= self._kill_at:
            self._kill_at = float("inf")
            self._status = self._status or EXIT_FAILED
            for worker in self._workers:
                if worker.is_running:
                    log(logging.ERROR, "worker_killed", {"worker": worker.id, "reason": "it has not drained"})
                worker.send(signal.SIGKILL)

    def _look_for_stuck(self, now: float, seconds: float) -> None:
        for worker in self._workers:
            if worker.is_running and worker.heard_at is not None and now - worker.heard_at > seconds:
                worker.heard_at = None
                reason = f"its event loop has been stuck for {seconds:g} s"
                log(logging.ERROR, "worker_killed", {"worker": worker.id, "reason": reason})
                worker.send(signal.SIGKILL)

    def _start(self, worker: WorkerProcess) -> None:
        try:
            worker.start(self._command, self._environment)
        except OSError as error:
            pause = worker.ended(time.monotonic(), self._dice)
            facts = {"worker": worker.id, "reason": error.strerror or str(error), "pause": round(pause, 3)}
            log(logging.ERROR, "worker_not_started", facts)
            return
        if worker.link is not None:
            self._selector.register(worker.link, selectors.EVENT_READ, worker)
        process: subprocess.Popen[bytes] | None = worker.process
        log(logging.DEBUG, "worker_started", {"worker": worker.id, "pid": process.pid if process else 0})

    def _hear(self, worker: WorkerProcess) -> None:
        link = worker.link
        for message in worker.messages():
            worker.heard_at = time.monotonic()
            self._heard(worker, message)
        if link is not None and worker.link is None:
            self._selector.unregister(link)

    def _heard(self, worker: WorkerProcess, message: Mapping[str, str]) -> None:
        worker.error = message.get(ERROR, worker.error)
        if "READY" not in message:
            return
        if worker.is_reloading:
            worker.is_reloading = False
            worker.refused = message.get(REFUSED, "")
            if not any(each.is_reloading for each in self._workers):
                self._reloaded()
            return
        if worker.is_ready:
            # It was told by somebody else to look at its configuration again.
            worker.refused = message.get(REFUSED, "")
            self._tell_status()
            return
        worker.ready(time.monotonic(), message.get(ADDRESS, ""))
        if worker.is_stale:
            worker.is_stale = False
            worker.send(signal.SIGHUP)
        number = len(self._workers)
        if not self._was_ready and all(each.is_ready for each in self._workers):
            self._was_ready = True
            sys.stdout.write(f"{self._id} ready: {number} {'worker' if number == 1 else 'workers'}\n")
            self._tell_ready()
        elif self._was_ready:
            log(logging.INFO, "worker_back", {"worker": worker.id, "ready": self._number_ready()})
            self._tell_status()

    def _ended(self, worker: WorkerProcess, status: int) -> None:
        link, error = worker.link, worker.error
        if link is not None:
            self._selector.unregister(link)
        now = time.monotonic()
        was_reloading = worker.is_reloading
        pause = worker.ended(now, self._dice)
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        if self._stop_at is not None:
            if status not in (0, -signal.SIGTERM, -signal.SIGKILL):
                self._status = self._status or EXIT_FAILED
                log(logging.ERROR, "worker_ended", {"worker": worker.id, "how": how})
            return
        if not self._was_ready:
            if status == EXIT_USAGE:
                self._give_up(error or f"{worker.id} has ended with {how}", EXIT_USAGE)
                return
            if worker.failures >= _MOST_FAILED_STARTS and not worker.was_ready:
                text = (
                    f"{worker.id} has ended {worker.failures} times before it was ready, at last with {how}"
                )
                self._give_up(text, EXIT_FAILED)
                return
        facts = {"worker": worker.id, "how": how, "pause": round(pause, 3)}
        log(logging.WARNING, "worker_ended", {**facts, "reason": error} if error else facts)
        self._tell_status()
        if was_reloading and not any(each.is_reloading for each in self._workers):
            self._reloaded()

    def _give_up(self, text: str, status: int) -> None:
        """End all, because of an error."""
        sys.stderr.write(f"collector-mesh: error: {escaped(text)}\n")
        self._status = status
        self._stop(time.monotonic())

    def _take(self, number: int) -> None:
        """Do what a signal says."""
        now = time.monotonic()
        if number == signal.SIGHUP:
            self._reload(now)
        elif number in (signal.SIGTERM, signal.SIGINT):
            if self._stop_at is None:
                self._stop(now)
            elif now - self._stop_at >= _ONE_SIGNAL_SECONDS:
                for worker in self._workers:
                    worker.send(signal.SIGKILL)
                os._exit(EXIT_KILLED)

    def _stop(self, now: float) -> None:
        self._stop_at = now
        self._kill_at = now + self._end_seconds
        log(logging.INFO, "draining", {"workers": sum(worker.is_running for worker in self._workers)})
        if self._notifier is not None:
            self._notifier.stopping(f"{self._id}: {len(self._workers)} workers drain")
        for worker in self._workers:
            worker.restart_at = None
            worker.send(signal.SIGTERM)

    def _reload(self, now: float) -> None:
        if self._stop_at is not None:
            return
        if self._notifier is not None:
            self._notifier.reloading()
        self._reload_until = now + _RELOAD_SECONDS
        for worker in self._workers:
            # One that is starting may have read it already, and is told once it can hear.
            worker.is_stale = worker.is_running and not worker.is_ready
            if worker.is_ready:
                worker.is_reloading, worker.refused = True, ""
                worker.send(signal.SIGHUP)
        if not any(worker.is_reloading for worker in self._workers):
            self._reloaded()

    def _reloaded(self) -> None:
        """All have answered, or have had time to."""
        self._reload_until = float("inf")
        refused = {worker.id: worker.refused for worker in self._workers if worker.refused}
        refused |= {worker.id: "no answer" for worker in self._workers if worker.is_reloading}
        for worker in self._workers:
            worker.is_reloading = False
        if refused:
            reason = next(iter(refused.values()))
            log(logging.ERROR, "workers_not_reloaded", {"workers": list(refused), "reason": reason})
        else:
            log(logging.INFO, "workers_reloaded", {"workers": self._number_ready()})
        self._tell_ready()

    def _tell_ready(self) -> None:
        if self._notifier is not None and self._was_ready:
            self._notifier.ready(self._summary())

    def _tell_status(self) -> None:
        if self._notifier is not None:
            self._notifier.status(self._summary())

    def _summary(self) -> str:
        refused = [worker.id for worker in self._workers if worker.refused]
        kept = f"; {', '.join(refused)} keep their configuration" if refused else ""
        return f"{self._id}: {self._number_ready()} of {len(self._workers)} workers take calls{kept}"

    def _number_ready(self) -> int:
        return sum(worker.is_ready for worker in self._workers)
