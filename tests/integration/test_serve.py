"""`collector-mesh serve` and `dispatch` as a user runs them: processes, signals, output, exit status."""

import asyncio
import json
import os
import re
import signal
import socket
from contextlib import closing, suppress
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import DoubleValue, StringValue
from tests.integration.services.certificates import Authority, flags
from tests.integration.services.processes import (
    LOOPBACK,
    Ended,
    eventually,
    free_port,
    refused,
    run,
    serving,
)

from collector_mesh import Executed, MeshClient, Payload

EXAMPLES = Path(__file__).parents[2] / "examples" / "grpc"
TEXTS = ("--service", "things:texts")
NUMBERS = ("--service", "things:numbers")
TEXT_CLASS = "google.protobuf.wrappers_pb2:StringValue"


def text(value: object) -> StringValue:
    return StringValue(value=str(value))


def assert_one_clear_line(ended: Ended, status: int, said: str) -> None:
    assert ended.status == status, ended
    assert ended.stdout == ""
    assert re.fullmatch(r"collector-mesh( serve)?: error: [^\n]+\n", ended.stderr)
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.asyncio
async def test_it_tells_where_it_is_ready_and_takes_calls_there() -> None:
    async with serving("c-1", *TEXTS) as collector, MeshClient(collector.address) as client:
        reply = await client.serve("texts", "Texts", "Same", text("hello"))

    assert re.fullmatch(r"c-1 ready on 127\.0\.0\.1:[1-9]\d*\n", collector.ready)
    assert reply.unpack(StringValue).value == "hello"
    assert reply.handled_by == "c-1"


@pytest.mark.asyncio
async def test_the_ready_line_names_what_is_bound_and_peers_what_is_advertised() -> None:
    advertised = f"localhost:{free_port()}"
    async with (
        serving("c-1", "--advertise", advertised) as collector,
        serving("c-2", "--peer", collector.address) as peer,
    ):
        await collector.logged("peer_connected")
        await peer.logged("peer_connected")

    assert collector.address.startswith("127.0.0.1:")
    assert f"started collector_id=c-1 address={advertised}" in collector.stderr


@pytest.mark.asyncio
async def test_it_serves_several_services_and_is_in_further_namespaces() -> None:
    async with (
        serving("c-1", *TEXTS, *NUMBERS, "--namespace", "a", "--namespace", "b") as collector,
        MeshClient(collector.address) as client,
    ):
        one = await client.serve("texts", "Texts", "Nothing")
        other = await client.serve("numbers", "Numbers", "Pi")
        member = await client.serve("b", "Texts", "Nothing")

    assert one.status.code == 200
    assert other.unpack(DoubleValue).value == 3.14
    assert member.status.message == "method 'Texts.Nothing' not found in namespace 'b'"


@pytest.mark.asyncio
@pytest.mark.parametrize("server", ["async_greeter_server", "greeter_server"])
async def test_it_serves_the_servicers_of_grpcs_examples_as_they_are(server: str) -> None:
    mount = f"greetings=helloworld_pb2_grpc:add_GreeterServicer_to_server={server}:Greeter"
    path = {"PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(EXAMPLES)])}
    # What a HelloRequest and a HelloReply look like: a text in field 1.
    request = Payload("type.googleapis.com/", text("you").SerializeToString())
    async with (
        serving("c-1", "--mount", mount, environment=path) as collector,
        MeshClient(collector.address) as client,
    ):
        reply = await client.dispatch("greetings", "helloworld.Greeter", "SayHello", request)

    assert StringValue.FromString(reply.payload.value).value == "Hello, you!"
    assert (reply.payload.type_url, reply.handled_by) == ("type.googleapis.com/helloworld.HelloReply", "c-1")


@pytest.mark.asyncio
async def test_it_connects_to_several_peers_and_both_sides_call() -> None:
    async with (
        serving("c-1", *TEXTS, "--namespace", "numbers") as texts,
        serving("c-2", *NUMBERS) as numbers,
        serving(
            "c-3",
            *("--peer", texts.address, "--peer", numbers.address),
            *("--namespace", "texts", "--namespace", "numbers"),
        ) as middle,
        MeshClient(middle.address) as client,
    ):
        await eventually(lambda: middle.stderr.count("peer_connected") == 2)
        one = await client.dispatch("texts", "Texts", "Nothing")
        other = await client.dispatch("numbers", "Numbers", "Pi")

    assert (one.status.code, one.handled_by) == (200, "c-1")
    assert (other.status.code, other.handled_by) == (200, "c-2")


@pytest.mark.asyncio
async def test_a_peer_that_is_not_up_yet_is_dialed_until_it_is() -> None:
    later = f"127.0.0.1:{free_port()}"
    async with (
        serving("c-1", "--namespace", "texts", "--peer", later) as early,
        MeshClient(early.address) as client,
    ):
        await early.logged("dial_failed")
        before = await client.dispatch("texts", "Texts", "Nothing")
        async with serving("c-2", *TEXTS, listen=later):
            await early.logged("peer_connected")
            after = await client.dispatch("texts", "Texts", "Nothing")

    assert (before.status.code, before.executed) == (503, Executed.NO), "whoever is there later may have it"
    assert repr(later) in before.status.message
    assert (after.status.code, after.handled_by) == (200, "c-2")


@pytest.mark.asyncio
async def test_a_validator_is_asked() -> None:
    async with (
        serving("c-1", *TEXTS, "--validator", "things:only_echo") as collector,
        MeshClient(collector.address) as client,
    ):
        allowed = await client.serve("texts", "Texts", "Echo")
        refused = await client.serve("texts", "Texts", "Nothing")

    assert allowed.status.code == 200
    assert refused.status.code == 404
    assert refused.status.message == (
        "service not registered in registry: only Echo, not texts/Texts.Nothing (collector 'c-1')"
    )


@pytest.mark.asyncio
async def test_handlers_call_other_collectors_with_the_metadata_that_is_to_travel(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text('[settings]\nforward_metadata = ["trace-id"]\nmax_waiting = 8\n')
    async with (
        serving("back", *NUMBERS, "--namespace", "texts") as back,
        serving(
            "front", *TEXTS, "--namespace", "numbers", "--peer", back.address, "--config", str(config)
        ) as front,
        MeshClient(front.address) as client,
    ):
        await front.logged("peer_connected")
        told, failed = [], []
        for ask in ("Ask", "PlainAsk"):
            metadata = {"trace-id": "7", "secret": "8"}
            reply = await client.dispatch(
                "texts", "Texts", ask, text("texts Texts Metadata"), metadata=metadata
            )
            told.append(reply.unpack(StringValue).value)
            failed.append(await client.dispatch("texts", "Texts", ask, text("numbers Numbers Pi")))

    assert told == ["(('trace-id', '7'),)"] * 2
    # It is a number, and no text.
    assert [reply.status.details["nested_handled_by"] for reply in failed] == ["back"] * 2
    assert failed[0].status.message.startswith(
        "handler error: call of numbers/Numbers/Pi failed: 400 at back: payload is a"
    )


@pytest.mark.asyncio
async def test_what_flags_say_wins_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text(
        'id = "from-file"\nnamespace = ["a"]\nservice = ["things:nothing_like_it"]\n'
        'validator = "things:only_echo"\nlog_format = "json"\n[settings]\nmax_payload_bytes = 10\n'
    )

    async with (
        serving("from-flag", *NUMBERS, *TEXTS, "--config", str(config)) as collector,
        MeshClient(collector.address) as client,
    ):
        large = await client.serve("texts", "Texts", "Echo", text("x" * 20))
        refused = await client.serve("texts", "Texts", "Nothing")
        member = await client.serve("a", "Texts", "Echo")

    assert collector.ready.startswith("from-flag ready on ")
    assert large.status.code == 413
    assert refused.status.message.startswith("service not registered in registry: ")
    assert member.status.message == "method 'Texts.Echo' not found in namespace 'a'"
    assert json.loads(collector.stderr.splitlines()[0])["collector_id"] == "from-flag"


@pytest.mark.asyncio
async def test_everything_may_come_from_the_file(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text(f'id = "c-9"\nlisten = "{LOOPBACK}"\nservice = ["things:texts"]\n')

    async with serving("c-9", "--config", str(config)) as collector, MeshClient(collector.address) as client:
        reply = await client.serve("texts", "Texts", "Nothing")

    assert reply.handled_by == "c-9"


@pytest.mark.asyncio
async def test_everything_may_come_from_the_environment_and_the_log_says_so() -> None:
    environment = {
        "COLLECTOR_MESH_SERVICE": "things:texts,things:numbers",
        "COLLECTOR_MESH_LOG_LEVEL": "debug",
    }

    async with (
        serving("c-1", environment=environment) as collector,
        MeshClient(collector.address) as client,
    ):
        one = await client.serve("texts", "Texts", "Nothing")
        other = await client.serve("numbers", "Numbers", "Pi")
        await collector.logged("configured")

    assert (one.status.code, other.status.code) == (200, 200)
    assert 'service="env COLLECTOR_MESH_SERVICE"' in collector.stderr


def test_the_name_of_the_command_alone_shows_help_with_three_examples() -> None:
    ended = run()

    assert (ended.status, ended.stderr) == (0, "")
    assert len(re.findall("^  collector-mesh ", ended.stdout, re.MULTILINE)) == 3


def test_the_configuration_is_shown_in_place_of_running() -> None:
    ended = run("serve", "--show-config", environment={"COLLECTOR_MESH_SETTINGS__MAX_RUNNING": "7"})

    assert (ended.status, ended.stderr) == (0, "")
    assert "max_running = 7  # env COLLECTOR_MESH_SETTINGS__MAX_RUNNING\n" in ended.stdout
    assert re.search(r'^id = "\S+-[0-9a-f]{6}"  # default: ', ended.stdout)


@pytest.mark.asyncio
async def test_a_reply_is_printed_as_text_where_its_class_is_known_or_named(tmp_path: Path) -> None:
    shop = Path(__file__).parents[2] / "examples" / "shop"
    path = os.pathsep.join(filter(None, (str(shop), os.environ.get("PYTHONPATH"))))
    environment = {"PYTHONPATH": path, "SHOP_DATA": str(tmp_path)}
    async with serving(
        "c-1", *NUMBERS, "--service", "orders_service:orders", environment=environment
    ) as collector:
        summary = ("dispatch", collector.address, "orders", "OrderService", "Summary")
        unknown = run(*summary)
        named = run(*summary, "--response", "shop_pb2:OrderSummary", environment=environment)
        other = run(*summary, "--response", TEXT_CLASS)
        known = run("dispatch", collector.address, "numbers", "Numbers", "Pi")

    assert (unknown.status, json.loads(unknown.stdout)["base64"]) == (0, "")
    assert (
        unknown.stderr == "give --response MODULE:CLASS, the message class of the reply, to see it as text\n"
    )
    assert (named.status, named.stdout, named.stderr) == (0, "{}\n", "")
    assert other.status == 1
    assert "--response: the reply, shop.OrderSummary, is no google.protobuf.StringValue" in other.stderr
    assert (known.status, known.stdout) == (0, "3.14\n")


BASE = ("--id", "c-1", "--listen", LOOPBACK)


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("--id", "a b", "--listen", LOOPBACK), "--id must match [A-Za-z0-9._-]{1,128}, got 'a b'"),
    (("--id", "", "--listen", ""), "2 problems: --id is required; --listen must be HOST:PORT, got ''"),
    (("--id", "c-1", "--listen", "nowhere"), "--listen must be HOST:PORT"),
    (("--id", "c-1", "--listen", "127.0.0.1:65536"), "--listen must be HOST:PORT"),
    ((*BASE, "--advertise", "nowhere"), "--advertise must be HOST:PORT"),
    ((*BASE, "--advertise", "0.0.0.0:1"), "advertise must be an address that others can dial"),
    ((*BASE, "--peer", "nowhere"), "--peer must be HOST:PORT"),
    ((*BASE, "--peer", "127.0.0.1:0"), "must have a port from 1 to 65535"),
    ((*BASE, "--peer", "192.0.2.1:1"), "plaintext is refused on 192.0.2.1:1"),
    ((*BASE, "--service", "nowhere:thing"), "nowhere: there is no such module"),
    ((*BASE, "--service", "things:nothing"), "things has no nothing"),
    ((*BASE, "--service", "things"), "--service must be MODULE:OBJECT, got 'things'"),
    (
        (*BASE, "--service", "things:NoService"),
        "the class NoService marks no method with @collector_mesh.method",
    ),
    ((*BASE, "--service", "things:no_service"), "a service must be a Service, a class that marks methods"),
    ((*BASE, "--service", "lives:make_later"), "must be a plain callable, got an async one"),
    (
        (*BASE, "--service", "lives:make_number"),
        "--service lives:make_number: make_number must make a Service",
    ),
    ((*BASE, "--service", "lives:make_nothing"), "no service was made: ValueError: no database at all"),
    ((*BASE, "--service", "things:no_service.bad"), "RuntimeError: no luck"),
    ((*BASE, "--service", "raises:thing"), "RuntimeError: there is no database at all"),
    ((*BASE, "--service", "exits:thing"), "SystemExit: bye"),
    ((*BASE, "--namespace", "a/b"), "namespace must match [A-Za-z0-9._-]{1,128}, got 'a/b'"),
    ((*BASE, *TEXTS, "--service", "things:texts_again"), "texts/Texts.Echo"),
    ((*BASE, "--validator", "things:nothing"), "things has no nothing"),
    ((*BASE, "--validator", "things:OnlyEcho"), "the class OnlyEcho; an instance is needed"),
    ((*BASE, "--validator", "things:no_service"), "no object with a method validate_service_method"),
    (("--id", "c-1", "--listen", "0.0.0.0:0", "--advertise", "127.0.0.1:1"), "(--insecure)"),
    (("--id", "c-1", "--listen", "0.0.0.0:0", "--insecure"), "needs an advertised address"),
    ((*BASE, "--tls-cert", "missing.crt"), "--tls-cert and --tls-key"),
    ((*BASE, "--tls-ca", "missing.pem"), "--tls-cert and --tls-key"),
    ((*BASE, "--tls-cert", "missing.crt", "--tls-key", "missing.key"), "cannot read missing.crt"),
    ((*BASE, "--tls-cert", "things.py", "--tls-key", "things.py"), "not a certificate and its key"),
    ((*BASE, "--config", "missing.toml"), "--config missing.toml: cannot be read"),
    ((*BASE, "--log-format", "xml"), "--log-format must be one of pretty, json, got 'xml'"),
    (
        (*BASE, "--service", "nowhere:thing", "--validator", "things:nothing", "--tls-ca", "missing.pem"),
        "3 problems: --service nowhere:thing: cannot import nowhere: there is no such module; serving with TLS needs both",
    ),
    ((*BASE, "--colour"), "unrecognized arguments: --colour"),
]


WRONG_CALLS: list[tuple[tuple[str, ...], str]] = [
    (("nowhere", "a", "b", "c"), "address must be HOST:PORT"),
    (("192.0.2.1:1", "a", "b", "c"), "plaintext is refused on 192.0.2.1:1"),
    (("127.0.0.1:1", "a", "b", "c", "--data", "{"), "--data is no JSON: "),
    (("127.0.0.1:1", "a", "b", "c", "--data", "[NaN]"), "--data is no JSON: NaN is no number that JSON has"),
    (("127.0.0.1:1", "a", "b", "c", "--data", "[" * 20_000), "--data is nested too deeply"),
    (("127.0.0.1:1", "a", "b", "c", "--request", TEXT_CLASS, "--data", "{"), "--data is no google"),
    (
        ("127.0.0.1:1", "a", "b", "c", "--response", "json:loads"),
        "--response json:loads: is no protobuf message class",
    ),
    (("127.0.0.1:1", "a", "b", "c", "--hint", "zone"), "--hint must be KEY=VALUE, got 'zone'"),
    (("127.0.0.1:1", "a", "b", "c", "--tls-ca", "missing.pem"), "cannot read missing.pem"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_what_is_wrong_before_listening_is_one_line_and_exit_status_2(
    arguments: tuple[str, ...], said: str
) -> None:
    assert_one_clear_line(refused("serve", *arguments), 2, said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"colour = 1", "unknown key 'colour'"),
        (b"id = 7", "id must be a text, got 7"),
        (b'service = "things:texts"', "service must be a list of texts"),
        (b'log_level = "loud"', "log_level must be one of debug, info, warning, error"),
        (
            b"[settings]\nmax_threads = 0",
            "max_threads must be a whole number of threads from 1 to 1024, got 0",
        ),
        (b"[settings]\ncolour = 1", "unknown setting 'colour'"),
        (b"id = ", "(at end of document)"),
        (b"id = '\xff'", "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line_and_exit_status_2(
    written: bytes, said: str, tmp_path: Path
) -> None:
    config = tmp_path / "collector.toml"
    config.write_bytes(written)

    ended = refused("serve", *BASE, "--config", str(config))

    assert_one_clear_line(ended, 2, said)
    assert f"--config {config}: " in ended.stderr


def test_a_key_of_another_certificate_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one"), authority.issue("other")

    ended = run("serve", *BASE, "--tls-cert", str(one.cert), "--tls-key", str(other.key))

    assert_one_clear_line(ended, 2, f"{one.cert} and {other.key} are not a certificate and its key")


def test_an_authority_that_is_none_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    tls = Authority(tmp_path).issue("one")

    ended = run(
        *("serve", *BASE, "--tls-cert", str(tls.cert), "--tls-key", str(tls.key), "--tls-ca", str(tls.key))
    )

    assert_one_clear_line(ended, 2, f"{tls.key} holds no certificates")


@pytest.mark.parametrize(
    ("names", "more", "said"),
    [
        ((), (), "the certificate of collector 'c-1' does not name it"),
        (("spiffe://mesh.test/collector/c-2",), (), "the certificate of collector 'c-1' does not name it"),
        (
            ("spiffe://mesh.test/collector/c-1", "spiffe://mesh.test/collector/c-2"),
            (),
            "'c-1' does not follow from the certificate, which names 'c-1', 'c-2'",
        ),
        (("c-1.one.test", "c-1.two.test"), (), "names it in one.test, two.test"),
        (
            ("spiffe://mesh.test/collector/c-1",),
            ('[settings]\ntrust_domain = "other.test"\n',),
            "'c-1' does not follow from the certificate, which names no collector",
        ),
        (
            ("spiffe://mesh.test/collector/c-1",),
            ('[settings]\ntrust_domain = "no/domain"\n',),
            "trust_domain must be a domain name",
        ),
    ],
)
def test_with_mutual_tls_a_certificate_that_does_not_name_its_collector_is_exit_status_2(
    tmp_path: Path, names: tuple[str, ...], more: tuple[str, ...], said: str
) -> None:
    tls = Authority(tmp_path).issue("c-1", others=names)
    config = tmp_path / "more.toml"
    config.write_text("".join(more))

    ended = run("serve", *BASE, *flags(tls), "--config", str(config))

    assert_one_clear_line(ended, 2, said)


def test_a_taken_port_is_one_line_and_exit_status_1() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        ended = run("serve", "--id", "c-1", "--listen", address)

    assert_one_clear_line(ended, 1, f"cannot listen on {address}: it is taken")


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_running_call_finish(number: signal.Signals, tmp_path: Path) -> None:
    async with serving("c-1", *TEXTS) as collector, MeshClient(collector.address) as client:
        running = asyncio.create_task(client.serve("texts", "Texts", "Hold", text(tmp_path)))
        await eventually((tmp_path / "started").exists)
        collector.send(number)
        await collector.logged("draining")
        refused = await client.serve("texts", "Texts", "Nothing")
        (tmp_path / "go").touch()
        reply = await running
        ended = await collector.end()

    assert reply.status.code == 200
    assert (refused.status.code, refused.status.message) == (503, "collector 'c-1' is draining")
    assert ended.status == 0
    assert ended.stdout == collector.ready
    assert "Traceback" not in ended.stderr


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(number: signal.Signals, tmp_path: Path) -> None:
    async with serving("c-1", *TEXTS) as collector, MeshClient(collector.address) as client:
        running = asyncio.create_task(client.serve("texts", "Texts", "Hold", text(tmp_path)))
        await eventually((tmp_path / "started").exists)
        collector.send(signal.SIGTERM)
        await collector.logged("draining")

        def has_ended() -> bool:
            with suppress(ProcessLookupError):
                collector.send(number)
            return collector.process.returncode is not None

        await eventually(has_ended)
        ended = await collector.end()
        reply = await running

    assert ended.status == 130
    assert reply.status.code == 502
    assert "Traceback" not in ended.stderr


@pytest.mark.asyncio
async def test_a_signal_that_is_sent_twice_at_once_is_one(tmp_path: Path) -> None:
    async with serving("c-1", *TEXTS) as collector, MeshClient(collector.address) as client:
        running = asyncio.create_task(client.serve("texts", "Texts", "Hold", text(tmp_path)))
        await eventually((tmp_path / "started").exists)
        # As `timeout` does. While the process is stopped, two of a kind would be one: these are two.
        collector.send(signal.SIGSTOP)
        collector.send(signal.SIGTERM)
        collector.send(signal.SIGINT)
        collector.send(signal.SIGCONT)
        await collector.logged("draining")
        (tmp_path / "go").touch()
        reply = await running
        ended = await collector.end()

    assert reply.status.code == 200
    assert ended.status == 0


@pytest.mark.asyncio
async def test_a_drain_where_nothing_runs_waits_for_nothing(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text("[settings]\ndrain_timeout = 3600\n")
    async with (
        serving("c-1", *TEXTS, "--config", str(config)) as collector,
        MeshClient(collector.address) as client,
    ):
        await client.serve("texts", "Texts", "Nothing")
        collector.send(signal.SIGTERM)
        ended = await collector.end()

    assert ended.status == 0


@pytest.mark.asyncio
async def test_what_does_not_finish_in_time_is_cancelled_and_the_exit_status_is_0(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text("[settings]\ndrain_timeout = 0.2\n")
    async with (
        serving("c-1", *TEXTS, "--config", str(config)) as collector,
        MeshClient(collector.address) as client,
    ):
        running = asyncio.create_task(client.serve("texts", "Texts", "Hold", text(tmp_path)))
        await eventually((tmp_path / "started").exists)
        collector.send(signal.SIGTERM)
        reply = await running
        ended = await collector.end()

    assert reply.status.code == 502
    assert reply.status.message.startswith("outcome unknown: ")
    assert ended.status == 0
    assert "cancelled=1" in ended.stderr
    assert (tmp_path / "cancelled").exists()


@pytest.mark.asyncio
async def test_json_logs_are_one_object_a_line_and_calls_are_not_in_them() -> None:
    async with serving("c-1", *TEXTS, "--log-format", "json") as collector:
        async with MeshClient(collector.address) as client:
            for _ in range(20):
                await client.serve("texts", "Texts", "Nothing")
        collector.send(signal.SIGTERM)
        ended = await collector.end()

    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["started", "draining", "stopped"]
    assert all(line["collector_id"] == "c-1" and line["time"] and line["level"] for line in lines)


@pytest.mark.asyncio
async def test_a_handlers_text_goes_to_the_caller_and_its_traceback_to_the_log() -> None:
    async with (
        serving("c-1", *TEXTS, "--log-format", "json") as collector,
        MeshClient(collector.address) as client,
    ):
        reply = await client.serve("texts", "Texts", "Fail", text("no such\nthing"))
        await collector.logged("handler_failed")

    assert (reply.status.code, reply.status.message) == (500, "handler error: no such\nthing")
    line = json.loads(collector.stderr.splitlines()[-1])
    assert line["method"] == "texts/Texts.Fail"
    assert line["error"] == r"ValueError: no such\nthing"
    assert line["traceback"].startswith("Traceback (most recent call last):")
    assert "in fail" in line["traceback"]


@pytest.mark.asyncio
async def test_an_option_that_will_go_works_and_says_what_to_give_instead() -> None:
    async with serving("c-1", *TEXTS, "--accept-unary-peers") as collector:
        pass

    assert "deprecated name=--accept-unary-peers use=--accept-peers" in collector.stderr


@pytest.mark.asyncio
async def test_logs_below_the_level_are_left_out() -> None:
    async with serving("c-1", "--log-level", "error") as collector:
        collector.send(signal.SIGTERM)
        ended = await collector.end()

    assert ended == Ended(0, collector.ready, "")


@pytest.mark.asyncio
async def test_a_call_is_made_by_hand() -> None:
    async with serving("c-1", *TEXTS) as collector:
        call = ("dispatch", collector.address, "texts", "Texts", "Same")
        done = await asyncio.to_thread(
            run, *call, "--request", TEXT_CLASS, "--data", '"hello"', "--target", "c-1", "--verbose"
        )

    assert (done.status, done.stdout) == (0, '"hello"\n')
    assert done.stderr == "200 OK, run by c-1\n"


@pytest.mark.asyncio
async def test_json_is_sent_and_shown_by_hand_without_any_message_class() -> None:
    async with serving("c-1", *TEXTS) as collector:
        call = ("dispatch", collector.address, "texts", "Texts", "Echo", "--data")
        several, one, large = await asyncio.gather(
            asyncio.to_thread(run, *call, '{"a": [1, 2.5, null, "\u00fc"]}'),
            asyncio.to_thread(run, *call, "7"),
            asyncio.to_thread(run, *call, '{"a": {"b": 9007199254740993}}'),
        )

    assert json.loads(several.stdout) == {"a": [1, 2.5, None, "\u00fc"]}
    assert one == Ended(0, "7\n", "")
    assert (large.status, large.stdout) == (1, "")
    assert large.stderr.startswith("400 a.b: the int is beyond 2^53")


@pytest.mark.asyncio
async def test_a_call_by_hand_that_fails_says_why() -> None:
    async with serving("c-1", *TEXTS) as collector:
        missing, failing = await asyncio.gather(
            asyncio.to_thread(run, "dispatch", collector.address, "texts", "Texts", "Missing"),
            asyncio.to_thread(
                *(run, "dispatch", collector.address, "texts", "Texts", "Fail", "--request", TEXT_CLASS),
                *("--data", '"boom"', "--metadata", "tenant=a", "--hint", "zone=b"),
            ),
        )

    assert missing == Ended(
        1, "", "404 no collector found for namespace 'texts': nobody there has 'Texts.Missing'\n"
    )
    assert failing == Ended(1, "", "500 handler error: boom\n")


@pytest.mark.parametrize(("arguments", "said"), WRONG_CALLS)
def test_a_call_by_hand_that_cannot_be_made_is_one_line_and_exit_status_2(
    arguments: tuple[str, ...], said: str
) -> None:
    assert_one_clear_line(refused("dispatch", *arguments), 2, said)


def test_a_call_by_hand_to_nobody_is_unavailable() -> None:
    address = f"127.0.0.1:{free_port()}"

    ended = run("dispatch", address, "texts", "Texts", "Nothing", "--timeout", "1")

    assert (ended.status, ended.stdout) == (1, "")
    assert re.fullmatch(rf"503 {address}: [^\n]+\n", ended.stderr)
