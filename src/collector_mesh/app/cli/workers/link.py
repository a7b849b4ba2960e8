"""The way between a worker and what has started it: a socket that both have from the beginning, and nobody else.

A worker tells how far it is in the words of systemd. That it is gone, or that the other side is, shows in its end.
"""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import MutableMapping
from typing import Self

import attrs

from collector_mesh.adapters.systemd.notifier import Notifier
from collector_mesh.app.cli.errors import EXIT_USAGE, CommandError, tell
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.cli.workers.plan import worker_config
from collector_mesh.app.cli.workers.words import END, ERROR, MOST_BYTES, VARIABLE, Assignment, worker_id

_SECONDS_MORE = 3.0
"""What an end takes beside the drain."""


class Worker:
    """This process as a worker.

    Args:
        assignment: which one it is.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._socket = socket.socket(fileno=assignment.descriptor)
        os.set_inheritable(assignment.descriptor, False)
        self._seconds = _SECONDS_MORE
        self.id = worker_id(assignment.id, assignment.index)
        self.notifier = Notifier(self._send, watchdog=assignment.watchdog)

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Self:
        """Take the part that the variable says; it is taken out, so that no child has it.

        Raises:
            CommandError: the variable says nothing of the kind.
        """
        text = environment.pop(VARIABLE)
        try:
            return cls(Assignment(**json.loads(text)))
        except (TypeError, ValueError, OSError) as error:
            raise CommandError(f"{VARIABLE} is set by serve --workers, and by nobody else") from error

    def begin(self) -> None:
        """From now on this process does not outlive what has started it by more than a drain."""
        threading.Thread(target=self._wait_for_end, name="wait for the supervisor", daemon=True).start()

    def sourced(self, sourced: Sourced) -> Sourced:
        """The configuration of this worker, made of that of all."""
        given, settings = self._assignment, sourced.config.settings
        self._seconds = settings.drain_timeout + settings.lifespan_close_timeout + _SECONDS_MORE
        config = worker_config(sourced.config, given.id, given.index, given.port)
        return attrs.evolve(sourced, config=config)

    def tell(self, error: CommandError) -> int:
        """Tell an error; what is wrong with the configuration is told once for all workers."""
        if error.status != EXIT_USAGE:
            return tell(error)
        self.notifier.tell(f"{ERROR}={error}")
        return error.status

    def _send(self, message: bytes) -> None:
        self._socket.send(message[:MOST_BYTES] + END, socket.MSG_DONTWAIT)

    def _wait_for_end(self) -> None:
        try:
            while self._socket.recv(1):
                pass
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        # The event loop may be stuck.
        time.sleep(self._seconds)
        os._exit(1)
