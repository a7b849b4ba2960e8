"""What comes together with the answer to hello counts."""

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits, Mode
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.status import OK, Reply


class Host:
    """Welcomes everybody, answers everything at once, and can call as soon as it has welcomed."""

    def __init__(self, *first: SentCall) -> None:
        self.first = first

    def catalog(self) -> Catalog:
        return Catalog()

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


def test_a_call_that_comes_with_the_welcome_is_run() -> None:
    replies: list[Reply] = []
    call = Call(MethodKey("users", "UserService", "Echo"), Payload("text", b"hello"), 10.0)
    taker = LinkEngine(introduction("taker"), Host(SentCall(call, Mode.SERVE, replies.append)), now=0.0)
    dialer = LinkEngine(introduction("dialer"), Host(), now=0.0, dial=1)

    for _ in range(3):
        for one, other in ((dialer, taker), (taker, dialer)):
            while (frame := one.next_frame(0.0)) is not None:
                other.receive(frame, 0.0)

    assert [reply.status.code for reply in replies] == [200]
