"""A call that has come over a link and goes on: its reply goes straight back, without a task that waits for it."""

from collections.abc import Callable

from collector_mesh.domain.executor import Executor
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import Cancellable, SentCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.topology import Connection


class Relay:
    """One such call.

    Args:
        call: the call.
        answer: given what comes of it.
        release: gives its slot back.
        go_on: asked about a first reply that is no success; if it says True it sees to the rest.
    """

    __slots__ = (
        "_answer",
        "_engine",
        "_go_on",
        "_is_over",
        "_release",
        "_sent",
        "call",
        "connection",
        "work",
    )

    def __init__(
        self,
        call: Call,
        answer: Callable[[Reply], None],
        release: Callable[[], None],
        go_on: "Callable[[Relay, Reply], bool]",
    ) -> None:
        self.call = call
        self.connection: Connection | None = None
        """The peer that it was sent to first."""
        self.work: Cancellable | None = None
        """What goes on with it in a task, if anything does."""
        self._answer = answer
        self._release = release
        self._go_on = go_on
        self._engine: LinkEngine | None = None
        self._sent: SentCall | None = None
        self._is_over = False

    def run_here(self, executor: Executor) -> None:
        """Run it on this collector."""
        # It may be answered before `begin` returns.
        work = executor.begin(self.call, self._settle)
        if self.work is None:
            self.work = work

    def send(self, connection: Connection, engine: LinkEngine) -> None:
        """Send it to a peer."""
        self.connection = connection
        self._engine = engine
        self._sent = SentCall(self.call, Mode.SERVE, self._settle)
        engine.send(self._sent)

    def finish(self, reply: Reply) -> None:
        """Answer it."""
        if not self._is_over:
            self._is_over = True
            self._release()
            self._answer(reply)

    def cancel(self) -> None:
        """Stop it: nobody waits for the reply anymore."""
        if self._is_over:
            return
        self._is_over = True
        self._release()
        if self._sent is not None and self._engine is not None and not self._sent.is_done:
            self._engine.cancel(self._sent)
        if self.work is not None:
            self.work.cancel()

    def _settle(self, reply: Reply) -> None:
        if reply.status is OK or not self._go_on(self, reply):
            self.finish(reply)
