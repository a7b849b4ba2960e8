"""However much two ends of a loopback stream have to say, others have their turn."""

import asyncio
from itertools import pairwise

import pytest

from collector_mesh.adapters.loopback.network import FRAMES_OF_A_TURN, LoopbackStream
from collector_mesh.domain.model.frames import Control, Frame, Heartbeat

pytestmark = pytest.mark.asyncio


class Talker:
    """One end that has so many frames to say."""

    def __init__(self, frames: int = 0) -> None:
        self.left = frames
        self.taken = 0
        self.has_ended = False

    def received(self, frame: Frame) -> None:
        """See the port."""
        assert frame.control is not None
        self.taken += 1

    def next_frame(self) -> Frame | None:
        """See the port."""
        if not self.left:
            return None
        self.left -= 1
        return Frame(control=Control(ping=Heartbeat(self.left)))

    def unsendable(self, frame: Frame, error: Exception) -> None:
        """See the port."""
        raise AssertionError(error, frame)

    def ended(self, error: Exception | None) -> None:
        """See the port."""
        assert error is None
        self.has_ended = True


def _pair() -> tuple[LoopbackStream, LoopbackStream]:
    here, there = (LoopbackStream(name, through_codec=False) for name in ("there", "here"))
    here.other, there.other = there, here
    return here, there


async def test_many_frames_are_said_and_taken_some_at_a_time() -> None:
    count = 10 * FRAMES_OF_A_TURN
    talker, listener = Talker(count), Talker()
    here, there = _pair()
    here.open(talker)
    there.open(listener)

    steps = [(0, 0)]
    while listener.taken < count:
        await asyncio.sleep(0)
        steps.append((count - talker.left, listener.taken))

    turns = list(pairwise(steps))
    assert max(later[0] - earlier[0] for earlier, later in turns) <= FRAMES_OF_A_TURN
    assert max(later[1] - earlier[1] for earlier, later in turns) <= FRAMES_OF_A_TURN


async def test_what_was_said_before_the_end_is_taken_before_it() -> None:
    count = 3 * FRAMES_OF_A_TURN
    talker, listener = Talker(count), Talker()
    here, there = _pair()
    here.open(talker)
    while talker.left:
        await asyncio.sleep(0)

    await here.aclose()
    there.open(listener)
    while not listener.has_ended:
        await asyncio.sleep(0)

    assert listener.taken == count
