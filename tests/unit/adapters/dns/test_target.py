"""What a name in the DNS may look like."""

import pytest

from collector_mesh.adapters.dns.target import Target, server_of
from collector_mesh.domain.model.errors import InvalidCallError


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("dns:orders:50051", Target("orders", 50051)),
        ("dns:orders.shop.svc.cluster.local.:1", Target("orders.shop.svc.cluster.local.", 1)),
        ("dns:a-b_c.d:65535", Target("a-b_c.d", 65535)),
        ("dns:_mesh._tcp.orders", Target("_mesh._tcp.orders", 0)),
    ],
)
def test_a_name_has_a_port_and_a_service_has_none(text: str, target: Target) -> None:
    assert Target.parse(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "dns:",
        "dns:orders",
        "dns::1",
        "dns:orders:0",
        "dns:orders:65536",
        "dns:orders:x",
        "dns:orders:1:2",
        "dns:[::1]:1",
        "dns:-a:1",
        "dns:a..b:1",
        "dns:a b:1",
        "dns:a\n:1",
        "dns:ü:1",
        f"dns:{'a' * 64}:1",
        f"dns:{'a.' * 200}a:1",
        "dns:_mesh._tcp.orders:1",
        "dns:_mesh.orders",
        "dns:_mesh._tcp.",
        "dns:a:٣",
    ],
)
def test_what_is_no_name_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidCallError, match="address must be dns:NAME:PORT") as raised:
        Target.parse(text)

    assert len(str(raised.value)) < 400
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("10.0.0.2:5353", ("10.0.0.2", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_a_name_server_is_a_number_with_or_without_a_port(text: str, server: tuple[str, int]) -> None:
    assert server_of(text) == server


@pytest.mark.parametrize(
    "text", ["", "localhost", "10.0.0.2:0", "10.0.0.2:x", "10.0.0.2:99999", "[::1]", "[::1:53"]
)
def test_what_is_no_name_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        server_of(text)
