"""The link of a client, to somebody who has none."""

import attrs

from collector_mesh.app.testing.fake_links import FakePump, FakeTransport
from collector_mesh.app.testing.fakes import FakeClock, FakeDice, FakeTasks
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.addresses import FixedAddresses
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.client_link import ClientLink
from collector_mesh.domain.peers.client_way import ASK_AGAIN_SECONDS
from collector_mesh.domain.ports.frame_stream import FrameStream


@attrs.define
class CountingTransport(FakeTransport):
    dials: int = 0

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        self.dials += 1
        return FakeTransport.dial(self, address, is_patient=is_patient)


def test_who_has_no_links_is_asked_again_after_a_while_and_called_meanwhile() -> None:
    clock, tasks, transport = FakeClock(), FakeTasks(), CountingTransport()
    link = ClientLink(
        FixedAddresses("a:1"),
        transport=transport,
        pump=FakePump(),
        tasks=tasks,
        clock=clock,
        dice=FakeDice(),
        rules=LinkRules(),
    )
    codes: list[int] = []

    async def call() -> None:
        reply: Reply = await link.dispatch(Call(MethodKey("n", "S", "Do")))
        codes.append(reply.status.code)

    def run() -> int:
        tasks.start(call(), "call")
        for _ in range(5):
            tasks.step()
        return transport.dials

    dials = [run(), run()]
    clock.time += ASK_AGAIN_SECONDS - 1
    dials.append(run())
    clock.time += 1
    dials += [run(), run()]

    assert codes == [200] * 5
    assert dials == [1, 1, 1, 2, 2]
    assert len(transport.links) == 1
