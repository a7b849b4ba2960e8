"""The link of a client, to collectors that have links: where its calls go, and what becomes of them."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from tests.unit.domain.link.hosts import RULES, HandNetwork, HandPump, HandStream, Host

from collector_mesh.app.testing.fake_links import FakePump, FakeStream, FakeTransport
from collector_mesh.app.testing.fakes import FakeDice, FakeTasks, run
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.model.addresses import FixedAddresses
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, MeshError, UnavailableError
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.peers.client_link import ClientLink
from collector_mesh.domain.peers.client_way import ASK_AGAIN_SECONDS
from collector_mesh.domain.ports.frame_stream import FrameStream, Machine

KEY = MethodKey("users", "UserService", "Echo")
FIRST = 0.999
"""Of dice that leave an order as it is."""

Answer = Callable[[TakenCall], None]


class _Pump(HandPump):
    """Moves the frames of who has links."""

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """See the port."""
        if isinstance(stream, FakeStream):
            await FakePump().run(stream, machine)
        else:
            await super().run(stream, machine)


class Client(FakeTransport):
    """A client of collectors on a network."""

    def __init__(self, network: HandNetwork, text: str, **options: Any) -> None:
        super().__init__()
        self.network = network
        self.tasks = FakeTasks()
        self.dials: list[str] = []
        self.streams: list[HandStream] = []
        self.is_broken = self.is_linkless = False
        self.link = ClientLink(
            FixedAddresses(text),
            transport=self,
            pump=_Pump(network.clock),
            tasks=self.tasks,
            clock=network.clock,
            dice=FakeDice(share=FIRST),
            rules=RULES,
            **options,
        )

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port."""
        assert not is_patient
        self.dials.append(address)
        if self.is_broken:
            raise OSError("no network")
        if self.is_linkless:
            return FakeStream(address)
        stream = HandStream(address, None)  # type: ignore[arg-type]  # a client is no collector
        self.streams.append(stream)
        there = self.network.listening.get(address)
        if there is not None:
            other = HandStream("client", there)
            stream.other, other.other = other, stream
            there.ends.append(other)
            there.streams.accept(other)
        return stream

    def run(self, seconds: float = 0.5) -> None:
        """Let time pass here and at the collectors."""
        until = self.network.clock.time + seconds
        while self.network.clock.time < until:
            self.network.run(0.05)
            for _ in range(3):
                self.tasks.step()

    def call(
        self, *, timeout: float = 10.0, serve: bool = False, seconds: float = 1.0, **options: Any
    ) -> "Made":
        """Make a call, and let it take its time."""
        made = Made()
        call = Call(KEY, deadline=self.network.clock.time + timeout, **options)
        made.work = self.tasks.start(
            made.of(self.link.serve(call) if serve else self.link.dispatch(call)), "call"
        )
        self.run(seconds)
        return made

    def submit(self, **options: Any) -> "Submitted":
        """Make a call that nobody awaits."""
        call = Call(KEY, deadline=self.network.clock.time + 10.0, **options)
        submitted = Submitted()
        submitted.cancel = self.link.submit(call, submitted.replies.append).cancel
        return submitted


@attrs.define(eq=False)
class Made:
    """A call, and what it has come to."""

    reply: Reply | None = None
    error: BaseException | None = None
    work: Any = None

    async def of(self, work: Any) -> None:
        try:
            self.reply = await work
        except MeshError as error:
            self.error = error

    @property
    def code(self) -> int:
        if isinstance(self.error, MeshError):
            return self.error.code
        assert self.reply is not None, "it has no answer yet"
        return self.reply.status.code


@attrs.define(eq=False)
class Submitted:
    """A call that nobody awaits, and what was told of it."""

    replies: list[Reply] = attrs.field(factory=list)
    cancel: Callable[[], object] = lambda: None

    @property
    def codes(self) -> list[int]:
        return [reply.status.code for reply in self.replies]


@attrs.define(eq=False)
class Serving:
    """What collectors answer, and what has come to them."""

    network: HandNetwork = attrs.field(factory=HandNetwork)
    hosts: dict[str, Host] = attrs.field(factory=dict)
    answers: dict[str, Answer] = attrs.field(factory=dict)
    taken: list[tuple[str, TakenCall]] = attrs.field(factory=list)
    clients: list[Client] = attrs.field(factory=list)

    def start(self, name: str, answer: Answer | None = None) -> Host:
        host = self.hosts[name] = self.network.start(name, f"{name}:1")
        self.answers[name] = answer or replying(200)

        def take(taken: TakenCall) -> None:
            self.taken.append((name, taken))
            self.answers[name](taken)

        host.streams.take = take
        return host

    def client(self, text: str, **options: Any) -> Client:
        client = Client(self.network, text, **options)
        self.clients.append(client)
        return client

    @property
    def where(self) -> list[str]:
        """Who has taken the calls, in order."""
        return [name for name, _ in self.taken]


def replying(code: int, executed: Executed = Executed.YES, text: str = "") -> Answer:
    def answer(taken: TakenCall) -> None:
        status = OK if code == 200 else Status(code, text)
        taken.answer(Reply(status, taken.call.payload, executed=executed))

    return answer


def silent(_taken: TakenCall) -> None:
    """It never answers."""


@pytest.fixture
def serving() -> Iterator[Serving]:
    serving = Serving()
    yield serving
    for client in serving.clients:
        _finish(client.tasks)
    serving.network.close()


def _finish(tasks: FakeTasks) -> None:
    for task in list(tasks.background):
        task.work.close()
    tasks.background.clear()


def test_a_link_is_dialed_by_the_first_call_and_serves_all_others(serving: Serving) -> None:
    serving.start("a")
    client = serving.client("a:1")
    client.run()
    assert client.dials == []

    codes = [client.call().code for _ in range(3)]

    assert (codes, client.dials, serving.where) == ([200] * 3, ["a:1"], ["a"] * 3)
    assert serving.hosts["a"].streams.clients == 1


def test_calls_that_come_together_wait_for_one_dial(serving: Serving) -> None:
    serving.start("a")
    client = serving.client("a:1")

    made = [client.call(seconds=0.0) for _ in range(4)]
    client.run(1.0)

    assert [each.code for each in made] == [200] * 4
    assert client.dials == ["a:1"]


def test_what_is_to_run_at_the_collector_itself_is_for_nobody_else(serving: Serving) -> None:
    serving.start("a")
    client = serving.client("a:1")

    assert client.call(serve=True).code == 200

    ((_, taken),) = serving.taken
    assert taken.call.target == "a"


def test_where_nobody_listens_a_call_fails_and_the_next_one_dials_again(serving: Serving) -> None:
    client = serving.client("a:1")

    first = client.call(timeout=30.0, seconds=1.0)
    assert (first.code, "nobody listens at a:1" in str(first.error)) == (503, True)
    serving.start("a")

    assert client.call().code == 200


def test_a_transport_that_raises_is_a_failure_of_the_call(serving: Serving) -> None:
    client = serving.client("a:1")
    client.is_broken = True

    made = client.call()

    assert isinstance(made.error, UnavailableError)
    assert str(made.error) == "no network"


def test_a_call_whose_time_is_up_before_anybody_answers_says_where_it_was_dialed(serving: Serving) -> None:
    serving.start("a").is_frozen = True
    client = serving.client("a:1", dial_timeout=30.0)

    made = client.call(timeout=1.0, seconds=1.5)

    assert made.code == 504
    assert str(made.error) == "deadline exceeded before a collector has answered at a:1"
    assert isinstance(made.error, MeshError)
    assert made.error.executed is Executed.NO


def test_a_collector_that_refuses_is_heard(serving: Serving) -> None:
    serving.start("a").admission.is_draining = True
    client = serving.client("a:1")

    made = client.call()

    assert made.code == 503
    assert "draining" in str(made.error)


def test_of_several_one_that_answers_is_used_and_the_others_are_left_alone(serving: Serving) -> None:
    serving.start("b")
    serving.start("c")
    client = serving.client("a:1,b:1,c:1")

    codes = [client.call().code for _ in range(3)]

    assert (codes, serving.where) == ([200] * 3, ["b"] * 3)
    assert client.dials[-1] == "b:1"


def test_when_its_collector_has_gone_a_client_goes_to_the_next(serving: Serving) -> None:
    serving.start("a")
    serving.start("b")
    client = serving.client("a:1,b:1")
    assert client.call().code == 200

    serving.hosts["a"].crash(silently=False)
    client.run()

    assert client.call().code == 200
    assert serving.where == ["a", "b"]


def test_a_call_that_a_collector_which_leaves_has_refused_goes_on_elsewhere(serving: Serving) -> None:
    def leaves(taken: TakenCall) -> None:
        for engine in serving.hosts["a"].engines():
            engine.tell_draining()
        replying(503, Executed.NO, "collector 'a' is draining")(taken)

    serving.start("a", leaves)
    serving.start("b")
    client = serving.client("a:1,b:1")

    made = client.call(seconds=2.0)

    assert (made.code, serving.where) == (200, ["a", "b"])


@pytest.mark.parametrize(("idempotent", "where"), [(True, ["a", "b"]), (None, ["a"]), (False, ["a"])])
def test_a_call_that_may_have_run_goes_on_elsewhere_only_where_it_may_run_twice(
    serving: Serving, idempotent: bool | None, where: list[str]
) -> None:
    serving.start("a", lambda _: serving.hosts["a"].crash(silently=False))
    serving.start("b")
    client = serving.client("a:1,b:1")

    made = client.call(idempotent=idempotent, seconds=2.0)

    assert serving.where == where
    assert made.code == (200 if idempotent else 502)


def test_a_refusal_of_a_collector_that_stays_is_the_answer(serving: Serving) -> None:
    serving.start("a", replying(503, Executed.NO, "not now"))
    serving.start("b")
    client = serving.client("a:1,b:1")

    made = client.call(idempotent=True)

    assert (made.code, serving.where) == (503, ["a"])


def test_what_may_have_run_is_never_told_as_what_has_not(serving: Serving) -> None:
    serving.start("a", lambda _: serving.hosts["a"].crash(silently=False))
    client = serving.client("a:1,b:1")

    made = client.call(idempotent=True, seconds=3.0)

    # Nobody is left; but a handler of the first may have run.
    assert (made.code, made.reply and made.reply.executed) == (502, Executed.MAYBE)


def test_who_is_cancelled_waits_no_longer_and_the_collector_hears_of_it(serving: Serving) -> None:
    serving.start("a", silent)
    client = serving.client("a:1")
    made = client.call()
    ((_, taken),) = serving.taken
    assert not taken.is_done

    run(made.work.stop())
    client.run()

    assert taken.is_done


def test_a_closed_client_ends_its_link_and_dials_no_more(serving: Serving) -> None:
    host = serving.start("a")
    client = serving.client("a:1")
    client.call()

    client.tasks.start(client.link.aclose(), "close")
    client.run(2.0)
    made = client.call()

    assert host.streams.clients == 0
    assert (made.code, str(made.error)) == (503, "the link to a:1 is closed")
    assert client.dials == ["a:1"]


def test_a_client_that_is_closed_while_it_dials_ends_the_dial(serving: Serving) -> None:
    serving.start("a").is_frozen = True
    client = serving.client("a:1")
    made = client.call(timeout=30.0, seconds=0.2)

    client.tasks.start(client.link.aclose(), "close")
    client.run(3.0)

    assert made.code == 503
    assert "the client was closed" in str(made.error)


def test_over_a_link_that_is_open_a_submitted_call_takes_no_task(serving: Serving) -> None:
    serving.start("a")
    client = serving.client("a:1")
    client.call()
    before = list(client.tasks.background)

    submitted = client.submit()
    assert client.tasks.background == before
    client.run()

    assert submitted.codes == [200]


def test_a_submitted_call_without_a_link_is_told_what_comes_of_it_as_well(serving: Serving) -> None:
    client = serving.client("a:1")

    in_vain = client.submit()
    client.run(1.0)
    serving.start("a")
    answered = client.submit()
    client.run(1.0)

    assert (in_vain.codes, answered.codes) == ([503], [200])


@pytest.mark.parametrize("is_open", [False, True])
def test_a_submitted_call_can_be_cancelled(serving: Serving, is_open: bool) -> None:
    host = serving.start("a", silent)
    client = serving.client("a:1")
    if is_open:
        client.call(timeout=0.5)
        serving.taken.clear()

    submitted = client.submit()
    client.run(1.0)
    submitted.cancel()
    client.run(1.0)

    ((_, taken),) = serving.taken
    assert taken.is_done
    assert 200 not in submitted.codes
    assert host.streams.clients == 1


@pytest.mark.parametrize(
    ("idempotent", "where", "code"), [(True, ["a", "a", "b"], 200), (None, ["a", "a"], 502)]
)
def test_a_submitted_call_goes_on_elsewhere_as_any_other(
    serving: Serving, idempotent: bool | None, where: list[str], code: int
) -> None:
    serving.start("a")
    serving.start("b")
    client = serving.client("a:1,b:1")
    client.call()
    serving.answers["a"] = lambda _: serving.hosts["a"].crash(silently=False)

    submitted = client.submit(idempotent=idempotent)
    client.run(2.0)

    assert (serving.where, submitted.codes) == (where, [code])


def test_a_submitted_call_that_goes_on_elsewhere_can_be_cancelled_there(serving: Serving) -> None:
    serving.start("a")
    serving.start("b", silent)
    client = serving.client("a:1,b:1")
    client.call()
    serving.answers["a"] = lambda _: serving.hosts["a"].crash(silently=False)
    submitted = client.submit(idempotent=True)
    client.run(2.0)
    (_, taken) = serving.taken[-1]
    assert (serving.where[-1], taken.is_done) == ("b", False)

    submitted.cancel()
    client.run()

    assert taken.is_done


def test_a_silent_collector_is_called_all_the_same_where_nobody_else_is_found(serving: Serving) -> None:
    serving.start("a")
    client = serving.client("a:1,b:1")
    client.call()
    serving.hosts["a"].is_frozen = True
    client.run(1.2)

    made = client.call(seconds=0.5)
    assert "b:1" in client.dials
    serving.hosts["a"].is_frozen = False
    client.run(1.0)

    assert (made.code, serving.where) == (200, ["a", "a"])


@pytest.mark.parametrize("is_closed", [False, True])
def test_without_links_a_collector_gets_one_request_for_each_call_until_it_has_some(
    serving: Serving, is_closed: bool
) -> None:
    client = serving.client("a:1")
    client.is_linkless = True
    codes = [client.call().code, client.call(serve=True).code]
    (unary,) = client.links
    assert (codes, len(unary.calls)) == ([200, 200], 2)

    if is_closed:
        client.tasks.start(client.link.aclose(), "close")
        client.run()
    else:
        serving.start("a")
        client.is_linkless = False
        serving.network.clock.time += ASK_AGAIN_SECONDS
        client.call()
        assert client.call().code == 200
        assert serving.where == ["a"]

    assert unary.is_closed


def test_of_several_one_without_links_that_fails_is_let_go(serving: Serving) -> None:
    client = serving.client("a:1,b:1")
    client.is_linkless = True
    client.call()
    first = client.links[0]

    def fails(_call: Call) -> Reply:
        raise UnavailableError("connection refused")

    first.answer = fails
    made = client.call()

    assert (made.code, first.is_closed) == (200, True)
    assert [link.address for link in client.links] == ["a:1", "b:1"]


def test_a_collector_that_is_silent_is_left_for_another_one(serving: Serving) -> None:
    serving.start("a")
    serving.start("b")
    client = serving.client("a:1,b:1")
    client.call()

    serving.hosts["a"].is_frozen = True
    client.run(2.0)

    assert client.call(seconds=2.0).code == 200
    assert serving.where == ["a", "b"]


def test_a_client_takes_no_calls(serving: Serving) -> None:
    host = serving.start("a")
    client = serving.client("a:1")
    client.call()
    (engine,) = host.engines()

    replies: list[Reply] = []
    engine.send(SentCall(Call(KEY), Mode.SERVE, replies.append))
    client.run()

    assert [reply.status.code for reply in replies] == [400]
    assert replies[0].status.message == "a client takes no calls"


def test_the_error_of_a_machine_is_reported_and_the_next_call_dials_anew(serving: Serving) -> None:
    serving.start("a")
    client = serving.client("a:1")
    client.call()
    assert client.streams[0].engine is not None

    client.streams[0].engine.failed(ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        client.run()
    client.tasks.background.pop()  # the task that has raised

    assert client.call(seconds=2.0).code == 200
    assert client.dials == ["a:1", "a:1"]
