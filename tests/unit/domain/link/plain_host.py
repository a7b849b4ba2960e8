"""Whom an engine tells, where a test needs no more of it."""

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.status import OK, Reply


class Host:
    """Welcomes everybody, answers everything at once, and can call as soon as it has welcomed."""

    def __init__(self, *first: SentCall) -> None:
        self.first = first

    def catalog(self) -> Catalog:
        return Catalog()

    def is_dialing(self, dial: int) -> bool:
        return False

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        engine.welcome("1", ())
        for sent in self.first:
            engine.send(sent)

    def opened(self, engine: LinkEngine) -> None: ...

    def confirmed(self, engine: LinkEngine) -> None: ...

    def take(self, taken: TakenCall, /) -> None:
        taken.answer(Reply(OK, taken.call.payload, "dialer", Executed.YES))

    def changed(self, engine: LinkEngine) -> None: ...

    def reached(self, engine: LinkEngine, news: tuple[Reach, ...]) -> None: ...

    def ended(self, engine: LinkEngine) -> None: ...

    def failed(self, engine: LinkEngine, error: Exception) -> None: ...


def introduction(collector_id: str) -> Introduction:
    return Introduction(collector_id=collector_id, incarnation=collector_id, limits=Limits(1 << 20, 4))
