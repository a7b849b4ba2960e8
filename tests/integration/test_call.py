"""`collector-mesh call`, `services` and `describe` against servers that are no collectors: ordinary ones and hostile ones."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_reflection.v1alpha import reflection, reflection_pb2
from mesh_test import common_pb2, users_pb2, users_pb2_grpc
from tests.generated.generations import folder_of
from tests.generated.servicers import Audit, BlockingUsers, Users

from collector_mesh import Collector, Service
from collector_mesh.app.cli.main import main

USERS = "mesh.test.users.v1.UserService"
NAMES = [service.full_name for service in users_pb2.DESCRIPTOR.services_by_name.values()]
SECRET = "s3cr3t"

Answer = Callable[[reflection_pb2.ServerReflectionRequest], bytes]


class BlockingAudit(Audit):
    """The second service, for threads."""

    def Record(self, request: Any, context: Any) -> Any:
        return users_pb2_grpc.google_dot_protobuf_dot_wrappers__pb2.Int64Value(value=len(request.value))


class Reflecting:
    """Reflection, by a function, under either of its names; it ends after so many answers."""

    def __init__(self, version: str, answer: Answer) -> None:
        self._answer = answer
        method: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(self._tell)
        service = f"grpc.reflection.{version}.ServerReflection"
        self.handler = grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": method})

    def _tell(self, requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        for data in requests:
            yield self._answer(reflection_pb2.ServerReflectionRequest.FromString(data))


def honest(request: reflection_pb2.ServerReflectionRequest) -> bytes:
    """The answer of grpc's own reflection."""
    servicer = reflection.ReflectionServicer(NAMES)
    (answer,) = servicer.ServerReflectionInfo(iter([request]), None)
    return bytes(answer.SerializeToString())


@pytest.fixture
def listen() -> Iterator[Callable[..., str]]:
    """Starts servers; gives their addresses."""
    servers = []

    def start(
        *handlers: grpc.GenericRpcHandler, at: str = "127.0.0.1:0", users: bool = True, tls: Any = None
    ) -> str:
        server = grpc.server(ThreadPoolExecutor(4))
        if users:
            users_pb2_grpc.add_UserServiceServicer_to_server(BlockingUsers(), server)
            users_pb2_grpc.add_AuditServiceServicer_to_server(BlockingAudit(), server)
        server.add_generic_rpc_handlers(handlers)
        port = server.add_secure_port(at, tls) if tls else server.add_insecure_port(at)
        server.start()
        servers.append(server)
        return at if at.startswith("unix:") else f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None)


@pytest.fixture(params=["v1", "v1alpha"])
def address(request: pytest.FixtureRequest, listen: Callable[..., str]) -> str:
    """A plain server that has one version of reflection."""
    return listen(Reflecting(request.param, honest).handler)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; gives exit status, stdout and stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert all(line.isprintable() for line in (out + err).splitlines())
        return status, out, err

    return command


Run = Callable[..., tuple[int, str, str]]
Listen = Callable[..., str]


@pytest.mark.parametrize(
    "method",
    [
        f"{USERS}/Echo",
        f"{USERS}.Echo",
        f"/{USERS}/Echo",
        "UserService/Echo",
        "users.v1.UserService.Echo",
        "Echo",
    ],
)
def test_a_method_is_called_by_its_name_or_the_last_part_of_it(address: str, run: Run, method: str) -> None:
    given = {
        "number": "-9223372036854775808",
        "unsigned": "18446744073709551615",
        "raw": "AP8=",
        "byNumber": {"-1": {"role": "ROLE_ADMIN"}},
        "any": {"@type": f"a/{users_pb2.User.DESCRIPTOR.full_name}", "id": "9007199254740993"},
        "when": "2026-01-31T12:00:00.500Z",
        "maybe": "",
        "perhaps": 0,
    }

    status, out, err = run("call", address, method, "-d", json.dumps(given))

    assert (status, json.loads(out)) == (0, given)
    assert err.startswith(f"OK from {address}, in ")


def test_a_call_without_a_request_sends_a_message_without_fields(address: str, run: Run) -> None:
    status, out, _ = run("call", address, "-", "Echo", "--emit-defaults")

    made = json.loads(out)
    assert status == 0
    assert made["signed"] == "0"
    assert made["many"] == []
    assert "user" not in made


def test_a_request_comes_from_a_file_or_from_stdin(
    address: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(b'\xef\xbb\xbf{"id": 7}')
    assert run("call", address, "GetUser", "-d", f"@{file}")[1] == '{\n  "id": "7",\n  "name": "user 7"\n}\n'

    with file.open(encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert json.loads(run("call", address, "GetUser", "-d", "-")[1])["id"] == "7"


def test_what_is_no_text_or_is_not_there_is_refused_before_anybody_is_asked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'{"name": "\xfc"}')
    nobody = "127.0.0.1:1"

    assert run("call", nobody, "A/B", "-d", f"@{tmp_path}/latin")[::2] == (
        2,
        f"collector-mesh: error: the request in {tmp_path}/latin is not UTF-8: byte 11 is 0xfc\n",
    )
    assert run("call", nobody, "A/B", "-d", f"@{tmp_path}/none")[2].endswith(
        "/none: No such file or directory\n"
    )
    assert run("call", nobody, "A/B", "-d", '{"a": \udcff}')[2].endswith("-d is not UTF-8: byte 7 is 0xff\n")
    assert run("call", nobody, "A/B", "-d", "@/dev/zero")[2].endswith(
        "/dev/zero has more than 67108864 bytes\n"
    )
    assert run("call", nobody, "A/B", "-d", "{} {}")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["UserService/GetUser", "-d", '{"id": "x"}'], 'id: expected a number, got "x"'),
        (
            ["GetUser", "-d", '{"name": "x"}'],
            'mesh.test.users.v1.GetUserRequest has no field "name"; fields: id',
        ),
        (["ListUsers"], f"{USERS}/ListUsers is a method with a stream of replies"),
        (["Talk"], f"{USERS}/Talk is a method with streams both ways: this version calls unary methods only"),
        (["UserService/GetUsr"], f"{USERS} has no method GetUsr; did you mean GetUser?"),
        (
            ["UserServce/GetUser"],
            "there is no service UserServce; did you mean UserService?; a method of plain data",
        ),
        (["Nope"], "no service has a method Nope; methods: "),
        (["a b"], "the method must be SERVICE/METHOD or SERVICE.METHOD, got 'a b'"),
        (["\x1b[31m/x"], "the method must be SERVICE/METHOD or SERVICE.METHOD, got '"),
        (["a space", "Echo"], "namespace must match"),
        (["Echo", "--target", "a b"], "--target must match"),
        (["Echo", "-H", "nothing"], "--metadata must be KEY=VALUE or KEY:VALUE"),
        (["Echo", "-H", "grpc-x=1"], "--metadata: metadata key must match"),
        (
            ["Echo", "-H", f"authorization Bearer {SECRET}=="],
            "KEY=VALUE or KEY:VALUE with a key that matches",
        ),
        (
            ["Echo", "-H", "collector-target=b"],
            "keys that begin with collector- are the mesh's own: give --target",
        ),
        (["Echo", "-H", f"x-bin={SECRET}!"], "the value of x-bin must be base64"),
        (["a", "b", "c"], "too many arguments: ADDRESS [NAMESPACE] SERVICE/METHOD"),
        ([], "the following arguments are required: ADDRESS [NAMESPACE] SERVICE/METHOD"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_user_gets_wrong_is_one_line_that_says_what_is_allowed(
    listen: Listen, run: Run, arguments: list[str], error: str
) -> None:
    status, out, err = run("call", listen(Reflecting("v1", honest).handler), *arguments)

    assert (status in {1, 2}, out) == (True, "")
    assert error in err
    assert SECRET not in err
    assert err.count("\n") == 1


def test_a_server_that_speaks_http2_and_not_grpc_is_not_taken_for_one_without_reflection(
    listen: Listen, run: Run
) -> None:
    def tell(_requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        # What grpc makes of the answer of a web server.
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "Received http2 header with status: 404")
        yield b""

    method: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(tell)
    service = "grpc.reflection.v1.ServerReflection"
    handler = grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": method})

    status, out, err = run("services", listen(handler))

    assert (status, out) == (1, "")
    assert "error: UNIMPLEMENTED (12): Received http2 header with status: 404 (from" in err


def test_metadata_goes_both_ways(address: str, run: Run) -> None:
    request = {"trailingMetadata": [{"key": "x-told", "value": base64.b64encode(b"\x1b").decode()[:0]}]}

    status, out, err = run(
        "call",
        address,
        "Behave",
        "-d",
        json.dumps(request),
        "-v",
        "-H",
        "X-Text: a=b",
        "--metadata",
        "x-bin=AP8",
    )

    sent = {pair["key"]: pair["value"] for pair in json.loads(out)["metadata"]}
    assert status == 0
    assert base64.b64decode(sent["x-text"]) == b"a=b"
    assert base64.b64decode(sent["x-bin"]) == b"\x00\xff"
    assert "initial metadata: none\ntrailing metadata:\n  x-told: \n" in err


def rich_details() -> str:
    known = AnyMessage()
    known.Pack(users_pb2.GetUserRequest(id=7))
    unknown = AnyMessage(type_url="type.googleapis.com/google.rpc.Nothing", value=b"\x1b[31m")
    parts = [part.SerializeToString() for part in (known, unknown)]
    return base64.b64encode(
        b"\x08\x09" + b"".join(b"\x1a" + bytes([len(part)]) + part for part in parts)
    ).decode()


def failing(**more: Any) -> str:
    pairs = [{"key": "grpc-status-details-bin", "value": rich_details()}]
    return json.dumps({"code": 9, "details": "not \u001b[31mnow\nplease", "trailingMetadata": pairs, **more})


def test_an_error_has_its_code_its_text_and_its_details_and_nothing_that_steers_a_terminal(
    address: str, run: Run
) -> None:
    status, out, err = run("call", address, "Behave", "-d", failing())

    first, *details = err.splitlines()
    assert (status, out) == (1, "")
    assert first.startswith(
        f"collector-mesh: error: FAILED_PRECONDITION (9): not \\x1b[31mnow\\nplease (from {address}, in "
    )
    assert details == [
        'detail: {"@type": "type.googleapis.com/mesh.test.users.v1.GetUserRequest", "id": "7"}',
        'detail: {"@type": "type.googleapis.com/google.rpc.Nothing", "@base64": "G1szMW0="}',
    ]


def test_an_error_is_json_for_programs(address: str, run: Run) -> None:
    status, out, err = run("call", address, "Behave", "-d", failing(), "--format-error", "--json")

    assert status == 1
    assert json.loads(out) == json.loads(err)
    told = json.loads(err)
    assert (told["code"], told["status"]) == (9, "FAILED_PRECONDITION")
    assert told["message"] == "not \x1b[31mnow\nplease"
    assert told["details"][0]["id"] == "7"
    assert told["trailing_metadata"][0][0] == "grpc-status-details-bin"
    assert json.loads(run("call", address, "Nope", "--format-error")[2])["status"] == "FAILED"
    assert json.loads(run("call", address, "a b", "--format-error")[2])["status"] == "USAGE"


def test_the_outcome_of_a_call_is_one_object_for_programs(address: str, run: Run) -> None:
    status, out, err = run("call", address, "GetUser", "-d", '{"id": 1}', "--json")

    told = json.loads(out)
    assert (status, err) == (0, "")
    assert told.pop("seconds") > 0
    assert told == {
        "code": 0,
        "status": "OK",
        "reply": {"id": "1", "name": "user 1"},
        "reply_type": "mesh.test.users.v1.User",
        "handled_by": "",
        "initial_metadata": [],
        "trailing_metadata": [],
    }


def test_services_are_listed_with_their_methods_and_kinds(address: str, run: Run) -> None:
    status, out, _ = run("services", address)
    listed = json.loads(run("services", address, "--json")[1])["services"]

    assert status == 0
    assert "mesh.test.users.v1.AuditService\n  Record  unary  google.protobuf.Any ->" in out
    assert {method["name"]: method["kind"] for method in listed[1]["methods"]}["Talk"] == "both"


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("UserService", "service"),
        (f"{USERS}/GetUser", "method"),
        ("UserService.GetUser", "method"),
        ("mesh.test.users.v1.Everything", "message"),
        ("Everything.Color", "enum"),
        ("Role", "enum"),
        ("google.protobuf.Timestamp", "message"),
    ],
)
def test_whatever_has_a_name_is_described(address: str, run: Run, symbol: str, kind: str) -> None:
    status, out, _ = run("describe", address, symbol)
    told = json.loads(run("describe", address, symbol, "--json")[1])

    assert (status, told["kind"]) == (0, kind)
    assert told["definition"] in out


def test_the_template_of_a_method_is_a_request_that_can_be_sent(address: str, run: Run) -> None:
    template = json.loads(run("describe", address, "Echo", "--json")[1])["template"]

    status, out, _ = run("call", address, "Echo", "-d", json.dumps(template), "--emit-defaults")

    assert status == 0
    assert json.loads(out)["any"] == {
        "@type": "type.googleapis.com/google.protobuf.StringValue",
        "value": "",
    }


def test_what_has_no_such_name_is_told_with_what_is_near(address: str, run: Run) -> None:
    assert run("describe", address, "Rolle")[::2] == (
        1,
        "collector-mesh: error: there is nothing named Rolle; did you mean Role?\n",
    )
    assert run("describe", address, "a b")[0] == 2


def protoset(folder: Path, *modules: Any) -> str:
    files = [FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb) for module in modules]
    path = folder / "types.binpb"
    path.write_bytes(FileDescriptorSet(file=files).SerializeToString())
    return str(path)


def test_a_server_without_reflection_is_called_with_descriptors_of_the_users_own(
    listen: Listen, run: Run, tmp_path: Path
) -> None:
    address = listen()
    types = protoset(tmp_path, users_pb2, common_pb2)

    assert run("call", address, "GetUser", "-d", '{"id": 1}', "--protoset", types)[0] == 0
    assert run("services", address, "--protoset", types)[1].startswith("mesh.test.users.v1.AuditService\n")
    assert run("describe", address, "User", "--protoset", types)[0] == 0
    status, _, err = run("call", address, "GetUser")
    assert (status, err) == (
        1,
        (
            f"collector-mesh: error: {address} has no server reflection: give --protoset FILE or --proto FILE, or have the"
            " server offer reflection (a collector does with --reflection)\n"
        ),
    )


def test_descriptors_that_lack_a_file_are_an_error_that_names_it(
    listen: Listen, run: Run, tmp_path: Path
) -> None:
    status, _, err = run("call", listen(), "GetUser", "--protoset", protoset(tmp_path, users_pb2))

    assert (status, err.count("\n")) == (1, 1)
    assert "file 'mesh_test/users.proto' needs 'mesh_test/common.proto', which is not there" in err


def test_a_proto_file_needs_a_compiler_and_says_which(
    listen: Listen, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "")
    protos = folder_of("x").parent / "protos"

    status, _, err = run("call", listen(), "GetUser", "--proto", str(protos / "mesh_test" / "users.proto"))

    assert (status, err.count("\n")) == (2, 1)
    assert "--proto needs a compiler of proto files: install grpcio-tools" in err


PROTOC = """#!/bin/sh
echo "WARNING: All log messages before" >&2
for each; do
    case "$each" in --descriptor_set_out=*) cp "%s" "${each#--descriptor_set_out=}";; esac
done
%s
"""


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("exit 0", 0, "OK from "),
        ("echo a.proto:1:1: no semicolon >&2; exit 1", 2, "--proto: a.proto:1:1: no semicolon\n"),
    ],
    ids=["a file", "a file with an error"],
)
def test_a_proto_file_is_compiled_by_what_is_installed(
    listen: Listen,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    status: int,
    said: str,
) -> None:
    compiler = tmp_path / "protoc"
    compiler.write_text(PROTOC % (protoset(tmp_path, users_pb2, common_pb2), end), encoding="utf-8")
    compiler.chmod(0o700)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    file = folder_of("x").parent / "protos" / "mesh_test" / "users.proto"

    ended, _, err = run("call", listen(), "GetUser", "-d", '{"id": 1}', "--proto", str(file))

    assert ended == status
    assert said in err
    assert err.count("\n") == 1


def test_a_socket_of_the_machine_is_an_address_too(listen: Listen, run: Run, tmp_path: Path) -> None:
    address = listen(Reflecting("v1", honest).handler, at=f"unix:{tmp_path}/s")

    assert run("call", address, "GetUser", "-d", '{"id": 1}')[0] == 0


def test_a_server_with_certificates_is_called_with_some(listen: Listen, run: Run, tmp_path: Path) -> None:
    run("certs", str(tmp_path), "--id", "server", "--client", "me")
    authority, key, chain = (
        (tmp_path / name).read_bytes() for name in ("ca.pem", "server.key", "server.crt")
    )
    tls = grpc.ssl_server_credentials([(key, chain)], authority, require_client_auth=True)
    address = listen(Reflecting("v1", honest).handler, tls=tls)
    trust = ["--tls-ca", f"{tmp_path}/ca.pem"]
    shown = ["--tls-cert", f"{tmp_path}/me.crt", "--tls-key", f"{tmp_path}/me.key"]

    assert run("call", address, "GetUser", "-d", '{"id": 1}', *trust, *shown)[0] == 0
    assert run("call", address, "GetUser", *trust)[2].count("certificate required") == 1
    assert run("call", address, "GetUser", "--tls")[2].count("certificate not trusted") == 1
    assert run("call", address, "GetUser")[2].count("plaintext to a TLS port") == 1


def test_nobody_at_an_address_is_one_line(run: Run) -> None:
    status, _, err = run("call", "127.0.0.1:1", "A/B", "--timeout", "0.1")

    assert (status, err) == (
        1,
        (
            "collector-mesh: error: UNAVAILABLE (14): nobody answers at 127.0.0.1:1: Connection refused: no program listens"
            " there\n"
        ),
    )


def test_a_call_that_takes_too_long_is_one_line(address: str, run: Run) -> None:
    status, _, err = run("call", address, "Behave", "-d", '{"wait": 0.7}', "--timeout", "0.5")

    assert (status, err.count("\n")) == (1, 1)
    assert "DEADLINE_EXCEEDED (4): no answer within 0.5 s" in err


def files(*given: FileDescriptorProto) -> bytes:
    answer = reflection_pb2.ServerReflectionResponse()
    answer.file_descriptor_response.file_descriptor_proto.extend(each.SerializeToString() for each in given)
    return bytes(answer.SerializeToString())


def listed(*names: str) -> bytes:
    answer = reflection_pb2.ServerReflectionResponse()
    answer.list_services_response.service.extend(reflection_pb2.ServiceResponse(name=name) for name in names)
    return bytes(answer.SerializeToString())


def refused(code: int, text: str) -> bytes:
    answer = reflection_pb2.ServerReflectionResponse()
    answer.error_response.error_code = code
    answer.error_response.error_message = text
    return bytes(answer.SerializeToString())


def service_file(
    name: str = "a.proto", *imports: str, takes: str = ".p.In", **more: Any
) -> FileDescriptorProto:
    made = FileDescriptorProto(name=name, package="p", syntax="proto3", dependency=imports, **more)
    made.message_type.append(DescriptorProto(name="In"))
    made.service.add(name="S").method.add(name="M", input_type=takes, output_type=".p.In")
    return made


def importing_without_end(request: reflection_pb2.ServerReflectionRequest) -> bytes:
    if request.list_services:
        return listed("p.S")
    asked = request.file_by_filename or "0"
    return files(service_file(asked, f"{int(asked) + 1}"))


def listing(*names: str) -> Answer:
    """Lists services, and has none of them."""
    return lambda request: listed(*names) if request.list_services else refused(5, "")


def telling(answer: bytes) -> Answer:
    """Lists a service, and gives the same answer for every symbol; it has no files by name."""
    return lambda request: (
        listed("p.S") if request.list_services else refused(5, "") if request.file_by_filename else answer
    )


def nested(depth: int) -> DescriptorProto:
    made = DescriptorProto(name="N")
    made.field.add(
        name="n", number=1, type=FieldDescriptorProto.TYPE_STRING, label=FieldDescriptorProto.LABEL_OPTIONAL
    )
    for _ in range(depth):
        outer = DescriptorProto(name="N")
        outer.nested_type.append(made)
        made = outer
    return made


HOSTILE: Mapping[str, tuple[Answer, str]] = {
    "endless list": (
        listing(*(f"p.S{number}" for number in range(20_000))),
        "lists more than 10000 services",
    ),
    "a list of what is no name": (listing("a\x1b[31m"), "lists a service that is no name: a\\x1b[31m"),
    "garbage": (lambda _: b"\xff\xff\xff", "answers a reflection request with what cannot be read"),
    "nothing": (lambda _: b"", "answers another reflection request than it was asked"),
    "an error": (lambda _: refused(7, "no\x1b[2J\n"), "refuses a reflection request: 7 no\\x1b[2J\\n"),
    "a file that is none": (
        telling(
            reflection_pb2.ServerReflectionResponse(
                file_descriptor_response={"file_descriptor_proto": [b"\xff"]}
            ).SerializeToString()
        ),
        "a descriptor cannot be read",
    ),
    "a giant": (
        telling(files(*(service_file(str(n), options={"java_package": "x" * (3 << 20)}) for n in range(6)))),
        " more than 16777216 bytes",
    ),
    "contradiction": (
        telling(files(service_file(), service_file(takes=".p.Out"))),
        "has two different files 'a.proto'",
    ),
    "recursion": (telling(files(service_file("a.proto", "a.proto"))), "descriptor files import each other"),
    "imports without end": (importing_without_end, "more than 1000 questions for descriptors are needed"),
    "a missing dependency": (
        telling(files(service_file("a.proto", "b.proto", takes=".p.Out"))),
        "file 'a.proto' needs 'b.proto', which is not there",
    ),
    "a missing type": (telling(files(service_file(takes=".p.Out"))), "file 'a.proto' cannot be used: "),
    "a name that is no name": (
        telling(files(service_file(message_type=[DescriptorProto(name="\x1b[31m")]))),
        "file 'a.proto' cannot be used: ",
    ),
    "another service": (telling(files(FileDescriptorProto(name="b.proto"))), "p.S"),
    "too deep": (telling(files(service_file(message_type=[nested(90)]))), ""),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "verb", [("call", "p.S/M"), ("describe", "p.S"), ("services",)], ids=lambda verb: verb[0]
)
def test_a_hostile_server_ends_a_command_in_one_line(
    listen: Listen, run: Run, name: str, verb: tuple[str, ...]
) -> None:
    answer, error = HOSTILE[name]
    command, *rest = verb

    status, out, err = run(command, listen(Reflecting("v1", answer).handler, users=False), *rest)

    assert status in {0, 1}
    assert err.count("\n") == bool(err)
    assert error in err + out


def test_a_server_that_ends_without_an_answer_is_one_line(listen: Listen, run: Run) -> None:
    method: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        lambda _requests, _context: iter(())
    )
    mute = grpc.method_handlers_generic_handler(
        "grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": method}
    )

    status, _, err = run("services", listen(mute))

    assert (status, err.count("\n")) == (1, 1)
    assert "has ended without an answer to a reflection request" in err


def test_a_reply_that_is_not_what_was_said_is_shown_as_it_is(
    listen: Listen, run: Run, tmp_path: Path
) -> None:
    lying = grpc.method_handlers_generic_handler(
        USERS, {"GetUser": grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"\xff\xff")}
    )
    types = protoset(tmp_path, users_pb2, common_pb2)

    status, out, err = run("call", listen(lying, users=False), "GetUser", "--protoset", types)

    assert status == 1
    assert json.loads(out) == {"@type": "mesh.test.users.v1.User", "@base64": "//8="}
    assert err.endswith("collector-mesh: error: the reply: 2 bytes are no mesh.test.users.v1.User\n")


@pytest.fixture
def through(capsys: pytest.CaptureFixture[str]) -> Callable[..., Awaitable[tuple[int, str, str]]]:
    """Runs a command beside collectors of this process."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = await asyncio.to_thread(main, arguments)
        return status, *capsys.readouterr()

    return command


@pytest_asyncio.fixture
async def front() -> AsyncIterator[str]:
    """The address of a collector in front of one that serves everything."""
    greetings = Service("greetings", "GreetingService")

    @greetings.method("Greet")
    async def greet(name: str) -> str:
        return f"Hello, {name}!"

    shop = Service("greetings", "shop.v1.Shop")

    @shop.method("Sum")
    async def total(numbers: list[float]) -> float:
        return sum(numbers)

    async with (
        Collector("users-1", listen="127.0.0.1:0", services=[greetings, shop]) as back,
        Collector(
            "front", listen="127.0.0.1:0", namespaces=["users", "greetings"], reflection=True
        ) as collector,
    ):
        back.mount("users", users_pb2_grpc.add_UserServiceServicer_to_server, Users())
        await collector.connect(back.address)
        yield collector.address


Through = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.mark.asyncio
async def test_a_method_of_the_mesh_is_called_through_any_collector(front: str, through: Through) -> None:
    status, out, err = await through("call", front, "users", "GetUser", "-d", '{"id": 7}')

    assert (status, json.loads(out)) == (0, {"id": "7", "name": "user 7"})
    assert err.startswith("OK handled by users-1, in ")
    assert (await through("call", front, "GetUser", "-d", '{"id": 7}'))[0] == 0
    told = json.loads((await through("call", front, "-", "GetUser", "--json", "--target", "users-1"))[1])
    assert (told["code"], told["message"], told["handled_by"]) == (5, "no user 0", "users-1")
    status, _, err = await through("call", front, "users", "GetUser", "--target", "nobody")
    assert (status, err.split(":")[2]) == (1, " UNAVAILABLE (14)")


@pytest.mark.asyncio
async def test_services_of_the_mesh_are_listed_and_described(front: str, through: Through) -> None:
    listed = json.loads((await through("services", front, "--namespace", "users", "--json"))[1])["services"]
    status, out, _ = await through("describe", front, "GetUser", "--namespace", "users")
    nowhere, _, error = await through("services", front, "--namespace", "nowhere")

    assert "mesh.test.users.v1.UserService" in [service["name"] for service in listed]
    assert (status, out.splitlines()[2]) == (0, "message mesh.test.users.v1.GetUserRequest {")
    assert (nowhere, error.count("\n")) == (1, 1)
    assert "NOT_FOUND (5): namespace 'nowhere' not found" in error


@pytest.mark.asyncio
async def test_a_method_of_plain_data_is_called_without_any_types(front: str, through: Through) -> None:
    status, out, err = await through("call", front, "greetings", "GreetingService/Greet", "-d", '"mesh"')

    assert (status, out) == (0, '"Hello, mesh!"\n')
    assert err.startswith("OK handled by users-1, in ")
    status, _, err = await through("call", front, "greetings", "GreetingService/Gret", "-d", '"mesh"')
    assert status == 1
    assert "nobody there has 'GreetingService.Gret'" in err
    assert "it was sent as plain data, as its types are not known: " in err
    assert (await through("call", front, "greetings", "GreetingService/Greet", "-d", '{"a": 1, "a": 2}'))[
        ::2
    ] == (
        2,
        'collector-mesh: error: the request: the key "a" stands there twice\n',
    )


@pytest.mark.asyncio
async def test_a_service_of_plain_data_has_the_name_that_the_server_lists(
    front: str, through: Through
) -> None:
    status, out, _ = await through("call", front, "greetings", "Shop/Sum", "-d", "[1, 2.5]")

    assert (status, out) == (0, "3.5\n")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("[9007199254740993]", "the int is beyond 2^53"),
        ("[1e400]", "[0]: expected a number that 64 bits can hold, got 1E+400"),
    ],
)
async def test_plain_data_that_cannot_travel_is_an_error_of_the_request(
    front: str, through: Through, given: str, error: str
) -> None:
    status, out, err = await through("call", front, "greetings", "Shop/Sum", "-d", given)

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert error in err


def test_what_nobody_has_thought_of_is_one_line_too(
    address: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_message: object) -> str:
        raise KeyError("\x1b[31m")

    monkeypatch.setattr("collector_mesh.app.cli.typed.call.kind_of", broken)

    status, _, err = run("call", address, "GetUser")

    assert (status, err) == (1, "collector-mesh: error: unexpected KeyError: KeyError: '\\x1b[31m'\n")
