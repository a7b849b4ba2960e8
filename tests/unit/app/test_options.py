"""What a collector or a client is made from: a wrong type is refused when it is made, by name."""

import asyncio
from typing import Any

import pytest

from collector_mesh import Collector, LoopbackNetwork, MeshClient, SyncMeshClient


@pytest.mark.parametrize("make", [Collector, MeshClient, SyncMeshClient])
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"tls": "certs"}, "tls must be a collector_mesh.Tls, got str"),
        ({"settings": {}}, "settings must be a collector_mesh.Settings, got dict"),
        ({"insecure": "false"}, "insecure must be True or False, got str"),
        ({"insecure": None}, "insecure must be True or False, got NoneType"),
    ],
)
def test_what_all_of_them_take_is_of_its_type(make: Any, given: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError) as raised:
        make("a", transport=LoopbackNetwork(), **given)

    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"listen": 50051}, "listen must be a str, got int"),
        ({"advertise": 50051}, "advertise must be a str, got int"),
        ({"accept_peers": "no"}, "accept_peers must be True or False, got str"),
        ({"inspect": 1}, "inspect must be True or False, got int"),
        ({"reflection": "no"}, "reflection must be True or False, got str"),
    ],
)
def test_what_a_collector_takes_is_of_its_type(given: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError) as raised:
        Collector("a", transport=LoopbackNetwork(), **given)

    assert text in str(raised.value)


def test_an_address_that_nobody_has_looked_at_yet_is_shown_escaped() -> None:
    odd = "a\x1b[31m:1"
    client, other = SyncMeshClient(odd), MeshClient(odd)
    shown = repr(client)
    client.close()

    with pytest.raises(RuntimeError) as closed:
        client.call("n", "S", "M")
    with pytest.raises(RuntimeError) as new:
        asyncio.run(other.call("n", "S", "M"))

    for text in (shown, str(closed.value), str(new.value)):
        assert "\x1b" not in text
        assert r"a\x1b[31m:1" in text
