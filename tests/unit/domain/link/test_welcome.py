"""What comes together with the answer to hello counts."""

from tests.unit.domain.link.plain_host import Host, introduction

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply


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
