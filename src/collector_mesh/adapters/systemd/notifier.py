"""Tells systemd how far a process is, in lines over its socket; see sd_notify(3)."""

import os
import socket
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import NoReturn

from collector_mesh.domain.model.texts import visible

Send = Callable[[bytes], object]
"""Sends a message without waiting.

Raises:
    BlockingIOError: there is no room for it now.
    OSError: it cannot be sent.
"""

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
"""The variables by which systemd says where it listens, and how often it wants to hear something."""

_MOST_WAITING = 16
_MOST_STATUS = 512


class Notifier:
    """Says how far this process is. Nothing of it waits, and nothing that becomes of it hurts.

    What there is no room for is sent later, with `flush`, in order; of signs of life only the next one counts.

    Args:
        send: sends a message.
        watchdog: seconds after which silence counts as the end of the process; None if nobody listens for that.
        on_failure: told, once, why a message could not be sent.
    """

    def __init__(
        self,
        send: Send,
        *,
        watchdog: float | None = None,
        on_failure: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self.watchdog = watchdog
        self._send = send
        self._on_failure = on_failure
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._has_failed = False

    @property
    def is_behind(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._waiting)

    def ready(self, status: str, *more: str) -> None:
        """It has started, or has its new configuration; more assignments may go with it."""
        self.tell("READY=1", _status(status), *more)

    def status(self, text: str) -> None:
        """A line for people."""
        self.tell(_status(text))

    def reloading(self) -> None:
        """It looks at its configuration again; `ready` follows."""
        # By the clock of the system that systemd compares it with.
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str) -> None:
        """It is about to end."""
        self.tell("STOPPING=1", _status(status))

    def alive(self) -> None:
        """It is not stuck."""
        if not self._waiting:
            self._try(b"WATCHDOG=1", keeps=False)
        else:
            self.flush()

    def tell(self, *assignments: str) -> None:
        """Send assignments, all in one message."""
        self.flush()
        message = "\n".join(assignments).encode()
        if self._waiting or not self._try(message, keeps=True):
            self._waiting.append(message)

    def flush(self) -> None:
        """Send what waits, as far as there is room."""
        while self._waiting and self._try(self._waiting[0], keeps=True):
            self._waiting.popleft()

    def _try(self, message: bytes, *, keeps: bool) -> bool:
        """Whether a message needs no further try."""
        try:
            self._send(message)
        except BlockingIOError:
            return not keeps
        except (OSError, ValueError) as error:
            if not self._has_failed:
                self._has_failed = True
                self._on_failure(getattr(error, "strerror", None) or str(error))
        return True


def from_environment(
    environment: MutableMapping[str, str], *, on_failure: Callable[[str], None] = lambda _reason: None
) -> Notifier | None:
    """The way to systemd, if it has started this process; its variables are taken out, so that no child has them.

    Args:
        environment: the variables.
        on_failure: told, once, why nothing can be sent.
    """
    address = environment.pop(SOCKET, "")
    text, pid = environment.pop(WATCHDOG, ""), environment.pop(WATCHDOG_PID, "")
    if not address:
        return None
    is_meant = not pid or pid == str(os.getpid())
    usec = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
    watchdog = usec / 1e6 if is_meant and usec else None
    return Notifier(_sender(address), watchdog=watchdog, on_failure=on_failure)


def _sender(address: str) -> Send:
    if address[0] not in "/@" or len(address) < 2:

        def refuse(_message: bytes) -> NoReturn:
            raise ValueError(
                f"{SOCKET} must be an absolute path or begin with @, got {visible(address, 100)}"
            )

        return refuse
    # An abstract socket, which is in no folder, has a zero byte in the place of the @.
    where = f"\0{address[1:]}" if address[0] == "@" else address

    def send(message: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.setblocking(False)
            with suppress(InterruptedError):
                sending.sendto(message, os.fsencode(where))

    return send


def _status(text: str) -> str:
    return f"STATUS={visible(text, _MOST_STATUS)}"
