"""`collector-mesh registry` and `serve --registry` as a user runs them: processes, signals, output, exit status."""

import asyncio
import json
import re
import signal
import socket
from contextlib import AbstractAsyncContextManager, closing, suppress
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from tests.integration.services.certificates import Authority, flags
from tests.integration.services.processes import LOOPBACK, Ended, Serving, refused, run, serving
from tests.integration.services.registry_stub import RegistryStub, credentials_of, registering, users_file

from collector_mesh import RegistryClient

USERS = users_file()
LIST = "collector.CollectorRegistry/ListServices"


def registry(path: Path, *arguments: str, listen: str = LOOPBACK) -> AbstractAsyncContextManager[Serving]:
    """The verb, with the id that it has by default."""
    return serving("registry", "--store", str(path), *arguments, listen=listen, verb="registry")


@pytest.mark.asyncio
async def test_it_tells_where_it_is_ready_and_ends_on_a_signal_with_what_was_registered(
    tmp_path: Path,
) -> None:
    path = tmp_path / "registry.db"
    async with registry(path) as process:
        async with RegistryStub(process.address) as stub:
            await stub.call("RegisterService", **registering(USERS))
        process.send(signal.SIGTERM)
        ended = await process.end()
    async with registry(path) as process, RegistryStub(process.address) as stub:
        listed = await stub.call("ListServices")

    assert re.fullmatch(r"registry ready on 127\.0\.0\.1:[1-9]\d*\n", ended.stdout)
    assert (ended.status, "Traceback" in ended.stderr) == (0, False)
    assert [service.id for service in listed.services] == ["users/UserService"]


@pytest.mark.asyncio
async def test_any_collector_can_be_one_too_and_the_command_line_reads_it(tmp_path: Path) -> None:
    path = str(tmp_path / "registry.db")
    async with serving("c-1", "--service", "things:texts", "--registry", path, "--reflection") as process:
        async with RegistryStub(process.address) as stub:
            await stub.call("RegisterService", **registering(USERS))
        listed = await asyncio.to_thread(run, "call", process.address, LIST)

    assert json.loads(listed.stdout)["services"][0]["id"] == "users/UserService"


def test_a_taken_port_is_told_and_is_a_failure(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        ended = run("registry", "--listen", address, "--store", str(tmp_path / "registry.db"))

    assert_clear(ended, 1, "it is taken")


def test_a_registry_needs_a_store() -> None:
    assert_clear(refused("registry", "--listen", LOOPBACK), 2, "--store FILE")


@pytest.mark.parametrize("verb", [("registry", "--store"), ("serve", "--registry")])
def test_a_file_that_is_no_registry_is_told_and_stays_as_it_is(tmp_path: Path, verb: tuple[str, str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no registry\n" * 100, encoding="utf-8")

    ended = refused(verb[0], "--listen", LOOPBACK, verb[1], str(path))

    assert_clear(ended, 2, "notes.txt")
    assert path.read_text(encoding="utf-8") == "no registry\n" * 100
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    ended = refused("registry", "--listen", LOOPBACK, "--store", str(tmp_path / "none" / "registry.db"))

    assert_clear(ended, 2, "none")


def test_its_configuration_is_shown_and_comes_from_files_as_flags_do(tmp_path: Path) -> None:
    config = tmp_path / "registry.toml"
    config.write_text('store = "registry.db"\n', encoding="utf-8")

    shown = refused("registry", "--config", str(config), "--show-config")
    wrong = refused("registry", "--config", str(config), "--store", "")

    assert shown.status == 0
    assert f'store = "registry.db"  # --config {config}: store' in shown.stdout
    assert 'id = "registry"  # default' in shown.stdout
    assert_clear(wrong, 2, "--store must be the path of a file, got ''")


@pytest.mark.asyncio
async def test_at_the_level_of_bytes_a_field_may_change_its_name(tmp_path: Path) -> None:
    def file(field: str) -> FileDescriptorProto:
        made = FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
        made.message_type.add(name="Order").field.add(name=field, number=1, label=1, type=9)
        return made

    async with (
        registry(tmp_path / "registry.db", "--level", "wire") as process,
        RegistryClient(process.address) as client,
    ):
        outcomes = [(await client.register("shop", file(name)))[0].outcome for name in ("item", "thing")]

    assert outcomes == ["registered", "changed"]


def test_its_level_is_one_of_two_and_needs_a_registry(tmp_path: Path) -> None:
    wrong = refused("registry", "--store", str(tmp_path / "registry.db"), "--level", "file")
    alone = refused("serve", "--listen", LOOPBACK, "--registry-level", "wire")

    assert_clear(wrong, 2, "--level must be one of wire_json, wire, got 'file'")
    assert_clear(alone, 2, "--registry-level needs --registry")


@pytest.mark.asyncio
async def test_with_tls_it_asks_callers_for_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, users = authority.collector("registry"), authority.collector("users-1")
    credentials = credentials_of(users)
    async with registry(tmp_path / "registry.db", *flags(own), listen="localhost:0") as process:
        async with RegistryStub(process.address, credentials) as stub:
            await stub.call("RegisterService", **registering(USERS))
            history = await stub.paged("History")
        with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
            async with RegistryStub(process.address) as stranger:
                await stranger.call("ListServices")

    assert history.changes[0].by.endswith("/collector/users-1")


@pytest.mark.asyncio
async def test_what_was_acknowledged_is_there_after_a_kill_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    acknowledged: set[str] = set()

    async def register(stub: RegistryStub, number: int) -> None:
        file = users_file(package=f"p{number}")
        file.name = f"p{number}.proto"
        with suppress(grpc.aio.AioRpcError):
            answer = await stub.call("RegisterService", **registering(file, f"ns-{number % 5}"))
            acknowledged.add(f"ns-{number % 5}/p{number}.UserService")
            assert answer.status.code == 0
            if len(acknowledged) == 20:
                killed.set()

    killed = asyncio.Event()
    async with registry(path) as process, RegistryStub(process.address) as stub:
        working = [asyncio.ensure_future(register(stub, number)) for number in range(50)]
        await killed.wait()
        process.send(signal.SIGKILL)
        await asyncio.gather(*working)
    async with registry(path) as process, RegistryStub(process.address) as stub:
        listed = await stub.paged("List")
        there = {f"{service.namespace}/{service.name}" for service in listed.services}
        namespace, service = min(acknowledged).split("/")
        found = await stub.paged("Lookup", namespace=namespace, service=service)

    assert 20 <= len(acknowledged) < 50
    assert acknowledged <= there
    assert len(found.files) == 1


def assert_clear(ended: Ended, status: int, said: str) -> None:
    """One line, which says what is wrong; logs may stand before it."""
    assert ended.status == status, ended
    assert ended.stdout == ""
    last = ended.stderr.splitlines()[-1]
    assert re.match(r"collector-mesh( registry| serve)?: error: ", last)
    assert said in last
    assert "Traceback" not in ended.stderr
