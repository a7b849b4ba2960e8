"""Links that are opened and say nothing keep nobody out."""

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, LoopbackNetwork, MeshClient, Settings

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(("silent", "max_links"), [(64, 1024), (200, 1024), (3, 3)])
async def test_others_get_in_however_many_say_nothing(silent: int, max_links: int) -> None:
    network = LoopbackNetwork()
    settings = Settings(max_links=max_links, drain_timeout=0.0)
    async with (
        Collector("a", transport=network, namespaces=["n"], settings=settings),
        Collector("b", transport=network, namespaces=["n"]) as peer,
    ):
        streams = [network.dial("a", is_patient=False) for _ in range(silent)]
        connection = await peer.connect("a", timeout=LIMIT_SECONDS)
        async with MeshClient("a", transport=network) as client:
            reply = await client.dispatch("n", "S", "Do", timeout=LIMIT_SECONDS)
        for stream in streams:
            await stream.aclose()

    assert connection.peer_id == "a"
    assert reply.status.message.startswith("no collector found for namespace 'n'")
