"""What collectors of earlier versions send is understood by this one."""

import attrs
import pytest
from tests.unit.adapters.wire import recorded
from tests.unit.adapters.wire.recorded import (
    CONNECTS,
    FRAMES,
    REQUESTS,
    RESPONSES,
    STEPS,
    WELCOMES,
    Conversation,
    kept,
)
from tests.unit.domain.link.wires import End, Wire

from collector_mesh.adapters.wire.connect_layout import read_connect
from collector_mesh.adapters.wire.dispatcher_codec import (
    decode_connected,
    decode_dispatch,
    decode_dispatched,
    decode_serve,
    decode_served,
)
from collector_mesh.adapters.wire.link_codec import decode_frame
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.model.frames import Frame, Mode
from collector_mesh.domain.model.status import Reply

VERSIONS = sorted(path.stem for path in recorded.FOLDER.glob("*.txt"))


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> dict[str, bytes]:
    return kept(request.param)


def test_there_is_something_written_down() -> None:
    assert VERSIONS


@pytest.mark.parametrize("name", FRAMES)
def test_frames_mean_what_they_meant(version: dict[str, bytes], name: str) -> None:
    assert decode_frame(version[f"frame: {name}"]) == FRAMES[name]


@pytest.mark.parametrize("name", CONNECTS)
def test_connects_mean_what_they_meant(version: dict[str, bytes], name: str) -> None:
    assert read_connect(version[f"request: {name}"]) == CONNECTS[name][1]


@pytest.mark.parametrize("name", WELCOMES)
def test_answers_to_connect_mean_what_they_meant(version: dict[str, bytes], name: str) -> None:
    assert decode_connected(version[f"response: {name}"]) == WELCOMES[name]


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_mean_what_they_meant(version: dict[str, bytes], name: str) -> None:
    decode = {"serve": decode_serve, "dispatch": decode_dispatch}[name]

    assert decode(version[f"request: {name}"]) == REQUESTS[name][2]


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_mean_what_they_meant(version: dict[str, bytes], name: str) -> None:
    decode = decode_served if name.startswith("served") else decode_dispatched
    reply = decode(version[f"response: {name}"])

    said = RESPONSES[name][1]
    assert (reply.status.code, reply.status.message) == (said.status.code, said.status.message)
    assert dict(said.status.details).items() <= dict(reply.status.details).items()
    assert (reply.payload, reply.handled_by, reply.executed, reply.tried) == (
        said.payload,
        said.handled_by,
        said.executed,
        said.tried,
    )


class _Player:
    """One end of this version, which hears what the other one has said in the version of then."""

    def __init__(self, version: dict[str, bytes], name: str) -> None:
        wire = Wire(batching=recorded.BATCHING)
        self.end: End = getattr(wire, name)
        self.conversation = Conversation(wire)
        self.written = 0
        for step in range(STEPS):
            if name == "left":
                self.act(step)
            for key, data in version.items():
                if key.startswith("said") and key.endswith(f"step {step} {self.end.other.name}"):
                    self.hear(decode_frame(data))
            if name == "right":
                self.act(step)

    @property
    def replies(self) -> list[list[Reply]]:
        """What has come of each of its calls."""
        return [outcome.replies for outcome in self.conversation.calls[self.end.name]]

    def act(self, step: int) -> None:
        self.conversation.acts(step, self.end)
        self.write()

    def hear(self, frame: Frame) -> None:
        # This version may put the same into fewer frames, or more.
        self.end.receive(attrs.evolve(frame, credit=self.written))
        self.write()

    def write(self) -> None:
        while frames := self.end.write(with_credit=True):
            if taken := sum(frame.takes_room for frame in frames):
                self.written += taken
                self.end.receive(Frame(self.written))


def test_whoever_dials_today_understands_a_conversation_of_then(version: dict[str, bytes]) -> None:
    player = _Player(version, "left")

    end, other = player.end, player.end.other
    # The large one arrives last.
    expected = [recorded.reply_to(other, index) for index in (0, 1, 2, 4, 3)]
    assert player.replies[:5] == [[reply] for reply in expected]
    assert player.replies[5:] == [[recorded.reply_to(other, 0)]] * 17 + [[]] * 3
    assert [taken.call.payload.value[:7] for taken in end.taken] == [b"right-0", b"right-1"]
    assert [reach.collector_id for reach in end.reach] == ["far"]
    assert end.engine.peer is not None
    assert len(end.engine.peer.catalog.methods) == 1
    assert (end.engine.phase, end.engine.reason, end.engine.was_clean) == (Phase.ENDED, "done", True)


def test_whoever_is_dialed_today_understands_a_conversation_of_then(version: dict[str, bytes]) -> None:
    player = _Player(version, "right")

    end = player.end
    assert player.replies == [[recorded.reply_to(end.other, index)] for index in range(2)]
    values = [taken.call.payload.value for taken in end.taken]
    assert [len(value) for value in values[:5]] == [10, 10, 10, 6, 200]
    assert values[5:] == [f"left-{number}".encode() for number in range(5, 25)]
    everything = end.taken[1].call
    assert (everything.target, everything.hints, everything.hops) == ("right", {"k": "v"}, 1)
    assert (everything.visited, everything.metadata) == (("x",), recorded.METADATA)
    assert (end.taken[1].mode, end.taken[2].call.idempotent) == (Mode.DISPATCH, False)
    assert [taken.is_done for taken in end.taken[-4:]] == [False, True, True, True]
    assert end.engine.peer_is_draining
    assert (end.engine.phase, end.engine.reason) == (Phase.ENDED, "done")
