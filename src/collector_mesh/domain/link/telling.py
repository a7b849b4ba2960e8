"""What a link has to tell its host, kept until the link itself is whole again."""

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from collector_mesh.domain.link.entries import News, SentCall, TakenCall
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.status import Reply, Status

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine

DEFECT = Status(500, "internal error")
"""What the other side hears where the host has raised; the error itself is nobody else's business."""


class Telling:
    """Tells the host, and whoever waits for replies, what has happened, in order.

    Nobody is told in the middle of a change, also not of one that the told ones make themselves: what
    happens while they are told is told after that. Whatever they raise hurts nobody else.

    Args:
        host: whom it tells.
        engine: of the link.
    """

    __slots__ = ("_host", "_is_telling", "engine", "news")

    def __init__(self, host: LinkHost, engine: "LinkEngine") -> None:
        self._host = host
        self.engine = engine
        self._is_telling = False
        self.news: deque[News] = deque()
        """What is not told yet."""

    def settle(self, sent: SentCall, reply: Reply) -> None:
        """Have a call of this side told what came of it."""
        sent.reply = reply
        self.news.append(sent)

    def tell(self) -> None:
        """Tell all of it; to be called where nothing is half done."""
        if self._is_telling:
            return
        news, host = self.news, self._host
        self._is_telling = True
        # Of what ends a task or the process the rest is kept, and told the next time.
        try:
            while news:
                told = news.popleft()
                try:
                    if isinstance(told, TakenCall):
                        if not told.is_done:
                            host.take(told)
                    elif isinstance(told, SentCall):
                        # Whoever was told of an earlier one may have cancelled it.
                        if not told.is_done:
                            told.is_done = True
                            told.settle(told.reply)
                    else:
                        told()
                except Exception as error:  # noqa: BLE001  # a host may raise anything
                    self._failed(told, error)
        finally:
            self._is_telling = False

    def _failed(self, told: News, error: Exception) -> None:
        engine = self.engine
        if isinstance(error, ProtocolError):
            engine.fail(f"protocol error: {error}")
            return
        if isinstance(told, TakenCall):
            told.answer(Reply(DEFECT, executed=Executed.MAYBE))
        elif not isinstance(told, SentCall):
            # What it knows of this link may be half of it.
            self.broken(error)
            return
        self._report(error)

    def broken(self, error: Exception) -> None:
        """The host has raised when it was told of the link itself, or asked: the link ends."""
        self.engine.fail(DEFECT.message, DEFECT.code)
        self._report(error)

    def _report(self, error: Exception) -> None:
        with suppress(Exception):  # there is nobody left to tell
            self._host.failed(self.engine, error)
