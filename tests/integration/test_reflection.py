"""Server reflection: what is reachable, in both versions of the protocol, in the way in which grpcurl asks."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import attrs
import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.wrappers_pb2 import StringValue
from grpc_reflection.v1alpha import reflection_pb2
from tests.integration.services.processes import LOOPBACK
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import Collector, Payload, Service, Settings
from collector_mesh.adapters.grpc import reflection
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.serving.handlers import Method

pytestmark = pytest.mark.asyncio

Question = reflection_pb2.ServerReflectionRequest
VERSIONS = ["v1", "v1alpha"]
SHOP = "shop.v1.Shop"
OWN = {
    "collector.CollectiveDispatcher",
    "collector_mesh.inspect.v1.Inspect",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}


def mountable(*fields: str) -> grpc.GenericRpcHandler:
    """A servicer of generated code, as it were, whose request has these fields, in a descriptor pool of its own."""
    types = FileDescriptorProto(name="shop/types.proto", package="shop.v1", syntax="proto3")
    message = types.message_type.add(name="Order")
    for number, name in enumerate(fields, 1):
        message.field.add(
            name=name,
            number=number,
            type=FieldDescriptorProto.TYPE_STRING,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
        )
    file = FileDescriptorProto(
        name="shop/shop.proto", package="shop.v1", syntax="proto3", dependency=["shop/types.proto"]
    )
    file.service.add(name="Shop").method.add(
        name="Buy", input_type=".shop.v1.Order", output_type=".shop.v1.Order"
    )
    pool = DescriptorPool()
    for proto in (types, file):
        pool.AddSerializedFile(proto.SerializeToString())
    order: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.v1.Order"))

    async def buy(request: Any, _context: Any) -> Any:
        return request

    handler = grpc.unary_unary_rpc_method_handler(buy, order.FromString, order.SerializeToString)
    return grpc.method_handlers_generic_handler(SHOP, {"Buy": handler})


def native() -> Service:
    service = Service("tools", "tools.v1.Tools")

    @service.method("Upper", idempotent=True)
    async def upper(request: StringValue) -> StringValue:
        return StringValue(value=request.value.upper())

    @service.method("Forget")
    async def forget(_request: StringValue) -> None:
        return None

    @service.method("Raw")
    async def raw(request: Payload) -> Payload:
        return request

    return service


def plain() -> Service:
    service = Service("tools", "tools.v1.Plain")

    @service.method("Raw")
    async def raw(request: Payload) -> Payload:
        return request

    return service


@asynccontextmanager
async def edge(*namespaces: str, peers: Iterable[Collector] = (), **options: Any) -> AsyncIterator["Asking"]:
    """A collector that offers reflection, connected to some others, and somebody who asks it."""
    async with (
        Collector("edge", listen=LOOPBACK, namespaces=namespaces, reflection=True, **options) as collector,
        grpc.aio.insecure_channel(collector.address) as channel,
    ):
        for peer in peers:
            await collector.connect(peer.address)
        yield Asking(channel, collector)


@attrs.define
class Asking:
    """Asks a collector."""

    channel: grpc.aio.Channel
    collector: Collector

    async def ask(self, *questions: Any, version: str = "v1", namespace: str = "") -> list[Any]:
        """The answers to some questions on one stream."""
        stub: Any = self.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            Question.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        metadata = [("collector-namespace", namespace)] if namespace else []
        call = stub(metadata=metadata, timeout=LIMIT_SECONDS)
        answers = []
        for question in questions:
            await call.write(question)
            answers.append(await call.read())
        await call.done_writing()
        return answers

    async def services(self, **options: Any) -> set[str]:
        (answer,) = await self.ask(Question(list_services="*"), **options)
        return {service.name for service in answer.list_services_response.service}

    async def files(self, symbol: str, **options: Any) -> dict[str, FileDescriptorProto]:
        """The files for a symbol, by their names; empty where it is not known."""
        (answer,) = await self.ask(Question(file_containing_symbol=symbol), **options)
        found = map(FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
        return {file.name: file for file in found}

    async def error(self, question: Any, **options: Any) -> tuple[int, str]:
        (answer,) = await self.ask(question, **options)
        return answer.error_response.error_code, answer.error_response.error_message


def fields_of(files: dict[str, FileDescriptorProto]) -> list[str]:
    return [field.name for field in files["shop/types.proto"].message_type[0].field]


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_mounted_here_is_shown_with_its_messages(version: str) -> None:
    async with edge() as asking:
        asking.collector.mount("shop", mountable("id"))
        services = await asking.services(version=version)
        by_service = await asking.files(SHOP, version=version)
        by_method = await asking.files(f"{SHOP}.Buy", version=version)
        by_message = await asking.files("shop.v1.Order", version=version)

    assert services == {SHOP, *OWN}
    assert list(by_service) == list(by_method) == ["shop/shop.proto", "shop/types.proto"]
    assert list(by_message) == ["shop/types.proto"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_elsewhere_is_shown_over_any_number_of_hops(version: str) -> None:
    relay = Settings(relay=True)
    async with (
        Collector("far", listen=LOOPBACK, services=[native()]) as far,
        Collector("hub-1", listen=LOOPBACK, namespaces=["shop", "tools"], settings=relay) as one,
        Collector("hub-2", listen=LOOPBACK, namespaces=["shop", "tools"], settings=relay) as two,
        edge("shop", "tools", peers=[two]) as asking,
    ):
        far.mount("shop", mountable("id"))
        await one.connect(far.address)
        await two.connect(one.address)
        async with asyncio.timeout(LIMIT_SECONDS):
            while not {SHOP, "tools.v1.Tools"} <= await asking.services(version=version):
                await asyncio.sleep(0.01)
        mounted = await asking.files(SHOP, version=version)
        typed = await asking.files("tools.v1.Tools", version=version)

    assert fields_of(mounted) == ["id"]
    (made,) = (file for name, file in typed.items() if name.startswith("collector_mesh/"))
    assert [(method.name, method.input_type, method.output_type) for method in made.service[0].method] == [
        ("Forget", ".google.protobuf.StringValue", ".google.protobuf.Empty"),
        ("Upper", ".google.protobuf.StringValue", ".google.protobuf.StringValue"),
    ]


async def test_each_question_of_the_protocol_has_its_answer() -> None:
    async with edge() as asking:
        asking.collector.mount("shop", mountable("id"))
        answers = await asking.ask(
            Question(host="h", file_by_filename="shop/types.proto"),
            Question(file_by_filename="nothing.proto"),
            Question(file_containing_symbol="shop.v1.Nothing"),
            Question(file_containing_extension={"containing_type": "shop.v1.Order", "extension_number": 7}),
            Question(all_extension_numbers_of_type="shop.v1.Order"),
            Question(all_extension_numbers_of_type="shop.v1.Nothing"),
            Question(),
            Question(file_containing_symbol="grpc.reflection.v1.ServerReflection"),
        )

    kinds = [answer.WhichOneof("message_response") for answer in answers]
    assert kinds == [
        "file_descriptor_response",
        *["error_response"] * 3,
        "all_extension_numbers_response",
        *["error_response"] * 2,
        "file_descriptor_response",
    ]
    codes = [answer.error_response.error_code for answer in answers if answer.HasField("error_response")]
    assert codes == [5, 5, 5, 5, 3]
    assert answers[0].valid_host == "h"
    assert answers[0].original_request.file_by_filename == "shop/types.proto"
    assert answers[4].all_extension_numbers_response.base_type_name == "shop.v1.Order"


async def test_two_namespaces_may_have_different_versions_of_one_file() -> None:
    async with edge() as asking:
        asking.collector.mount("old", mountable("id"))
        asking.collector.mount("new", mountable("id", "note"))
        old, new = [fields_of(await asking.files(SHOP, namespace=name)) for name in ("old", "new")]
        either = await asking.error(Question(file_containing_symbol=SHOP))
        by_name = await asking.error(Question(file_by_filename="shop/types.proto"))
        services = await asking.services()

    assert (old, new) == (["id"], ["id", "note"])
    assert SHOP in services
    assert either[0] == by_name[0] == 9
    assert "'new', 'old'" in either[1]


async def test_what_is_the_same_in_two_namespaces_needs_no_choice() -> None:
    async with edge() as asking:
        asking.collector.mount("blue", mountable("id"))
        asking.collector.mount("green", mountable("id"))

        assert fields_of(await asking.files(SHOP)) == ["id"]


@attrs.define
class Allowing:
    """An authorizer that lets everybody use one namespace."""

    namespace: str

    def may_use(self, _identity: Identity | None, namespace: str, /) -> bool:
        return namespace == self.namespace


async def test_nobody_sees_a_namespace_that_it_may_not_use() -> None:
    async with edge(authorizer=Allowing("tools"), services=[native()]) as asking:
        asking.collector.mount("shop", mountable("id"))
        services = await asking.services()
        unknown = await asking.error(Question(file_containing_symbol=SHOP))
        stub: Any = asking.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        codes = [
            await stub(metadata=[("collector-namespace", name)], timeout=LIMIT_SECONDS).code()
            for name in ("shop", "nowhere")
        ]

    assert services == {"tools.v1.Tools", *OWN}
    assert unknown == (5, f"the symbol {SHOP!r} is not known")
    assert codes == [grpc.StatusCode.PERMISSION_DENIED] * 2


async def test_a_namespace_that_is_not_there_is_not_found() -> None:
    async with edge("tools") as asking:
        stub: Any = asking.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")

        code = await stub(metadata=[("collector-namespace", "nowhere")], timeout=LIMIT_SECONDS).code()

    assert code is grpc.StatusCode.NOT_FOUND


async def test_programs_outside_the_mesh_do_not_ask_for_descriptors_by_themselves() -> None:
    async with edge(services=[native()]) as asking:
        call: Any = asking.channel.unary_unary("/collector_mesh.reflection.v1.Descriptors/Describe")
        code = await call(b"", timeout=LIMIT_SECONDS).code()

    assert code is grpc.StatusCode.UNIMPLEMENTED


async def test_a_service_of_which_nothing_is_known_is_listed_and_has_no_file() -> None:
    async with edge(services=[plain()]) as asking:
        services = await asking.services()
        code, text = await asking.error(Question(file_containing_symbol="tools.v1.Plain"))

    assert "tools.v1.Plain" in services
    assert code == 5
    assert text.startswith(
        "no descriptor of the service 'tools.v1.Plain' in namespace 'tools': collector 'edge': "
    )
    assert text.endswith("nothing is known of the messages of service 'tools.v1.Plain'")


@pytest.mark.parametrize(
    "answer",
    [b"\xff" * 100, b"", b"\x0a" * 2_000_000, b"\x0a\x04\x0a\x02\xff\xfe"],
    ids=["noise", "nothing", "much", "no text"],
)
async def test_a_peer_that_tells_nonsense_harms_nobody(answer: bytes) -> None:
    async def describe(_request: object, _context: object) -> Payload:
        return Payload("type.googleapis.com/google.protobuf.FileDescriptorSet", answer)

    async with AsyncExitStack() as opened:
        liar = Collector("liar", listen=LOOPBACK)
        names = ("collector_mesh.reflection.v1.Descriptors", "Describe")
        liar.container.handlers().own = lambda namespace: (
            Method(MethodKey(namespace, *names), describe, is_own=True),
        )
        liar.add_service(native())
        await opened.enter_async_context(liar)
        asking = await opened.enter_async_context(edge("tools", peers=[liar]))
        code, text = await asking.error(Question(file_containing_symbol="tools.v1.Tools"))
        asking.collector.mount("tools", mountable("id"))
        other = await asking.files(SHOP)

    assert code == 5
    assert "collector 'liar': " in text
    assert fields_of(other) == ["id"]


async def test_another_version_of_a_service_is_seen_when_it_comes() -> None:
    async with AsyncExitStack() as opened:
        asking = await opened.enter_async_context(edge("shop"))
        one = Collector("shop-1", listen=LOOPBACK)
        one.mount("shop", mountable("id"))
        await one.start()
        await asking.collector.connect(one.address)
        before = fields_of(await asking.files(SHOP))
        await asking.collector.disconnect("shop-1")
        await one.stop()
        two = Collector("shop-1", listen=LOOPBACK)
        two.mount("shop", mountable("id", "note"))
        await opened.enter_async_context(two)
        await asking.collector.connect(two.address)
        await until(lambda: asking.collector.snapshot().connections)
        after = fields_of(await asking.files(SHOP))

    assert (before, after) == (["id"], ["id", "note"])


async def test_without_the_gateway_a_collector_shows_what_it_has_itself() -> None:
    async with edge(services=[native()], gateway=False) as asking:
        assert await asking.services() == OWN


async def test_a_question_that_is_too_large_is_refused() -> None:
    async with edge() as asking:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asking.ask(Question(file_containing_symbol="x" * 20_000))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "over the limit of 16384 bytes" in str(caught.value.details())


async def test_more_services_than_go_into_an_answer_are_an_error_that_says_what_to_do() -> None:
    async with edge() as asking:
        handlers = asking.collector.container.handlers()
        methods = [MethodKey("many", f"s{number}.{'x' * 240}", "Do") for number in range(14_000)]
        handlers.add([Method(key, print) for key in methods], namespaces=["many"])

        code, text = await asking.error(Question(list_services=""))

    assert code == 8
    assert text.startswith("there are 14005 services, too many for one answer")


async def test_the_list_of_services_is_made_anew_where_something_has_changed_and_only_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many may ask, and there may be thousands of services."""
    made: list[object] = []
    make = reflection._list_of

    def seen(own: tuple[str, ...], told: list[tuple[str, ...]]) -> Any:
        made.append(told)
        return make(own, told)

    monkeypatch.setattr(reflection, "_list_of", seen)
    async with edge("tools", services=[native()]) as asking:
        first = [await asking.services() for _ in range(3)]
        asking.collector.add_service(plain())
        later = [await asking.services() for _ in range(3)]

    assert first == [OWN | {"tools.v1.Tools"}] * 3
    assert later == [OWN | {"tools.v1.Tools", "tools.v1.Plain"}] * 3
    assert len(made) == 2
