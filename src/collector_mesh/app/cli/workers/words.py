"""What workers and what supervises them say to each other; light, as a supervisor loads nothing else."""

import json

import attrs

VARIABLE = "_COLLECTOR_MESH_WORKER"
"""Says to a process that it is a worker, and which one."""

ERROR = "X_COLLECTOR_MESH_ERROR"
"""What is wrong with the configuration."""

ADDRESS, REFUSED = "X_COLLECTOR_MESH_ADDRESS", "X_COLLECTOR_MESH_REFUSED"
"""Where calls are taken, and why a new configuration is not; beside what systemd knows, which passes over them."""

END = b"\0"
"""Ends a message."""

MOST_BYTES = 64 * 1024
"""Longest message."""


@attrs.frozen
class Assignment:
    """Which worker a process is.

    Attributes:
        id: of all workers together.
        index: which one, from 0.
        descriptor: of its end of the socket.
        port: where it listened before, where it may choose; 0 if it did not.
        watchdog: seconds of silence after which it is ended, None for no limit.
    """

    id: str
    index: int
    descriptor: int
    port: int
    watchdog: float | None

    def text(self) -> str:
        """As the variable has it."""
        return json.dumps(attrs.asdict(self))


@attrs.frozen
class Supervision:
    """What a supervisor has to know.

    Attributes:
        id: of all workers together.
        number: of workers.
        end_seconds: after which workers that drain are ended at once.
        log_format: of its log.
        log_level: of its log.
        command: starts a worker.
    """

    id: str
    number: int
    end_seconds: float
    log_format: str
    log_level: str
    command: tuple[str, ...]

    def text(self) -> str:
        """As a variable has it."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def of(cls, text: str) -> "Supervision":
        """What a text says."""
        read = json.loads(text)
        return cls(**{**read, "command": tuple(read["command"])})


def worker_id(collector_id: str, index: int) -> str:
    """The id of one worker."""
    return f"{collector_id}.{index}"
