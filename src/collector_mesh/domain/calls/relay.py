"""A call that has come over a link and goes on: its reply goes straight back, without a task that waits for it."""

from collections.abc import Callable

from collector_mesh.domain.calls.attempt import Attempt
from collector_mesh.domain.link.entries import Cancellable
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.serving.executor import Executor


class Relay:
    """One such call.

    Args:
        call: the call.
        answer: given what comes of it.
        ended: told when it is over, with what came of it, or None if it was cancelled.
        go_on: asked what to answer after a first reply that is no success; if it says None it sees to the rest.
    """

    __slots__ = ("_answer", "_ended", "_go_on", "_is_over", "attempt", "call", "work")

    def __init__(
        self,
        call: Call,
        answer: Callable[[Reply], None],
        ended: Callable[[Reply | None], None],
        go_on: "Callable[[Relay, Reply], Reply | None]",
    ) -> None:
        self.call = call
        self.attempt: Attempt | None = None
        """The first one at a peer, unless the call runs here or goes on in a task."""
        self.work: Cancellable | None = None
        """What goes on with it in a task, if anything does."""
        self._answer = answer
        self._ended = ended
        self._go_on = go_on
        self._is_over = False

    def run_here(self, executor: Executor) -> None:
        """Run it on this collector."""
        # It may be answered before `begin` returns.
        work = executor.begin(self.call, self.settle)
        if self.work is None:
            self.work = work

    def send(self, attempt: Attempt) -> None:
        """Send it to a peer."""
        self.attempt = attempt
        attempt.send()

    def settle(self, reply: Reply) -> None:
        """Take what came of running it here, or of the first attempt at a peer."""
        if reply.status is OK:
            self.finish(reply)
        elif (told := self._go_on(self, reply)) is not None:
            self.finish(told)

    def finish(self, reply: Reply) -> None:
        """Answer it."""
        if not self._is_over:
            self._is_over = True
            self._ended(reply)
            self._answer(reply)

    def cancel(self) -> None:
        """Stop it: nobody waits for the reply anymore."""
        if self._is_over:
            return
        self._is_over = True
        self._ended(None)
        if self.attempt is not None:
            self.attempt.cancel()
        if self.work is not None:
            self.work.cancel()
