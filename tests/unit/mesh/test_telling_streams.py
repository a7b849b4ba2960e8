"""Streams of a user's transport that tell why nobody has answered, and those that tell nothing sensible."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from collector_mesh import Collector, LoopbackNetwork, UnavailableError
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.frame_stream import FrameStream

pytestmark = pytest.mark.asyncio

Trouble = Callable[[float], Awaitable[Any]]


class MuteStream:
    """A stream on which nobody ever says anything."""

    identity: Identity | None = None

    def __init__(self, address: str) -> None:
        self.address = address
        self._closed = asyncio.Event()

    async def read(self) -> Frame | None:
        await self._closed.wait()
        return None

    async def write(self, frame: Frame) -> None:
        _ = frame

    async def aclose(self) -> None:
        self._closed.set()


class TellingStream(MuteStream):
    def __init__(self, address: str, trouble: Trouble) -> None:
        super().__init__(address)
        self.trouble = trouble


class MuteNetwork(LoopbackNetwork):
    def __init__(self, trouble: Trouble | None) -> None:
        super().__init__()
        self.trouble = trouble

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        return MuteStream(address) if self.trouble is None else TellingStream(address, self.trouble)


async def no_route(_seconds: float) -> str:
    return "no route\nto it"


async def number(_seconds: float) -> int:
    return 7


async def raises(_seconds: float) -> str:
    raise KeyError("x")


async def exits(_seconds: float) -> str:
    raise SystemExit(3)


async def hangs(_seconds: float) -> str:
    await asyncio.Event().wait()
    return "never"


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (no_route, r": no route\nto it"),
        (number, ""),
        (raises, ""),
        (exits, ""),
        (hangs, ""),
        (None, ""),
        ("no function", ""),
    ],
)
async def test_what_a_stream_tells_of_its_trouble_stands_in_the_error_of_connect(
    trouble: Any, told: str
) -> None:
    async with Collector("a", transport=MuteNetwork(trouble), namespaces=["n"]) as collector:
        with pytest.raises(UnavailableError) as raised:
            await collector.connect("b", timeout=0.2)

    assert str(raised.value) == f"nobody has answered at b within 0.2 s{told}"
