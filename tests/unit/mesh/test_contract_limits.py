# mypy: disable-error-code="empty-body"
"""Calls by a contract are written no further than whoever makes them may send."""

import pytest

from collector_mesh import (
    CallContext,
    Collector,
    Contract,
    LoopbackNetwork,
    MeshClient,
    PayloadTooLargeError,
    Settings,
    SyncMeshClient,
    implements,
    method,
)

SETTINGS = Settings(max_payload_bytes=5_000)


class Limits(Contract, namespace="test"):
    async def awaited(self, texts: list[str]) -> int: ...

    @method
    def plain(self, texts: list[str]) -> int: ...


@implements(Limits)
class MyLimits:
    async def awaited(self, texts: list[str], context: CallContext) -> int:
        return context.max_payload_bytes

    def plain(self, texts: list[str], context: CallContext) -> int:
        return context.blocking.max_payload_bytes


def test_a_client_tells_how_much_it_sends() -> None:
    assert MeshClient("127.0.0.1:1", settings=SETTINGS).max_payload_bytes == 5_000
    assert SyncMeshClient("127.0.0.1:1", settings=SETTINGS).max_payload_bytes == 5_000


@pytest.mark.asyncio
async def test_a_collector_and_its_handlers_send_no_more_than_its_settings_say() -> None:
    async with Collector(
        "a", services=[MyLimits], transport=LoopbackNetwork(), settings=SETTINGS
    ) as collector:
        limits = Limits.client(collector)

        assert (
            collector.blocking.max_payload_bytes
            == await limits.awaited([])
            == await limits.plain([])
            == 5_000
        )
        with pytest.raises(PayloadTooLargeError, match="or more than 5000 bytes"):
            await limits.awaited(["x" * 1_000] * 1_000_000)
