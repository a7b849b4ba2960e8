"""The contract of serving: a call, run by the collector that it is sent to."""

import asyncio
from collections import Counter

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, DoubleValue, Int64Value, StringValue

from collector_mesh.adapters.wire.grpc_codes import grpc_status_of
from collector_mesh.app.testing.contract.base import (
    CHOSEN_TRAILING,
    TIMEOUT,
    Contract,
    chosen_initial,
    count,
    eventually,
    number,
    outcome,
    text,
)
from collector_mesh.app.testing.networks import Network, Node, NodeOptions
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.payload import EMPTY, TYPE_PREFIX, Payload
from collector_mesh.domain.model.status import Reply

USERS = ("users", "UserService")


async def one(mesh: Network, collector_id: str = "a") -> Node:
    """A collector that serves two services in one namespace and one in another."""
    services = (USERS, ("users", "AuthService"), ("orders", "deep.OrderService"))
    return await mesh.start(NodeOptions(collector_id=collector_id, services=services))


async def serve(mesh: Network, node: Node, method: str, request: object = None, **options: object) -> Reply:
    """Have a node serve a call of UserService."""
    async with mesh.client(node.address) as client:
        if "timeout" in options:
            # The time that is given is not for finding the node.
            await client.serve(*USERS, "Nothing")
        return await client.serve(*USERS, method, request, **options)  # type: ignore[arg-type]  # as the test says


class ServeContract(Contract):
    """How calls are run."""

    @pytest.mark.asyncio
    async def test_a_handler_gets_the_request_and_its_result_comes_back(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "EchoText", text("grüß dich"))

        assert outcome(reply) == (200, "OK")
        assert reply.unpack(StringValue).value == "grüß dich"
        assert (reply.handled_by, reply.executed) == ("a", Executed.YES)

    @pytest.mark.asyncio
    async def test_a_raw_payload_goes_through_unread(self, mesh: Network) -> None:
        a = await one(mesh)
        payload = Payload("whatever this is", bytes(range(256)))

        reply = await serve(mesh, a, "Echo", payload)

        assert (outcome(reply), reply.payload) == ((200, "OK"), payload)

    @pytest.mark.asyncio
    async def test_a_plain_function_is_run_too(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "PlainEcho", text("hello"))

        assert reply.unpack(StringValue).value == "hello"

    @pytest.mark.asyncio
    async def test_several_services_live_in_a_namespace(self, mesh: Network) -> None:
        a = await one(mesh)

        async with mesh.client(a.address) as client:
            found = [
                (await client.serve(*service, "Who")).unpack(StringValue).value
                for service in (USERS, ("users", "AuthService"), ("orders", "deep.OrderService"))
            ]

        assert found == ["a users UserService", "a users AuthService", "a orders deep.OrderService"]

    @pytest.mark.parametrize(
        ("key", "message"),
        [
            (("", "UserService", "Echo"), "namespace is required"),
            (("users", "", "Echo"), "service is required"),
            (("users", "UserService", ""), "method_name is required"),
            (("", "", ""), "namespace is required"),
        ],
    )
    @pytest.mark.asyncio
    async def test_a_missing_field_is_named(
        self, mesh: Network, key: tuple[str, str, str], message: str
    ) -> None:
        a = await one(mesh)

        async with mesh.client(a.address) as client:
            reply = await client.serve(*key)

        assert (outcome(reply), reply.executed) == ((400, message), Executed.NO)

    @pytest.mark.parametrize(
        ("key", "field"),
        [
            (("a b", "UserService", "Echo"), "namespace"),
            (("n" * 129, "UserService", "Echo"), "namespace"),
            (("n" * 1_000_000, "UserService", "Echo"), "namespace"),
            (("users", "User-Service", "Echo"), "service"),
            (("users", "1User", "Echo"), "service"),
            (("users", "a..b", "Echo"), "service"),
            (("users", "UserService", "Get User"), "method_name"),
            (("users", "UserService", "x" * 1_000_000), "method_name"),
            (("users\n", "UserService", "Echo"), "namespace"),
        ],
    )
    @pytest.mark.asyncio
    async def test_a_malformed_name_is_refused_with_what_is_allowed(
        self, mesh: Network, key: tuple[str, str, str], field: str
    ) -> None:
        a = await one(mesh)

        async with mesh.client(a.address) as client:
            reply = await client.serve(*key)

        assert reply.status.code == 400
        assert reply.status.message.startswith(f"{field} must match ")
        assert len(reply.status.message) < 400

    @pytest.mark.asyncio
    async def test_a_namespace_of_others_is_not_found(self, mesh: Network) -> None:
        a = await one(mesh)

        async with mesh.client(a.address) as client:
            reply = await client.serve("inventory", "StockService", "Count")

        assert outcome(reply) == (404, "namespace 'inventory' not found")

    @pytest.mark.asyncio
    async def test_a_method_that_is_not_there_is_not_found(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Missing")

        assert outcome(reply) == (404, "method 'UserService.Missing' not found in namespace 'users'")
        assert (reply.handled_by, reply.executed) == ("", Executed.NO)

    @pytest.mark.asyncio
    async def test_serve_never_forwards(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", namespaces=("users",)))
        b = await one(mesh, "b")
        await a.connect(b.address)

        served = await serve(mesh, a, "Echo")

        assert outcome(served) == (404, "method 'UserService.Echo' not found in namespace 'users'")
        assert await count(b, "runs") == 0

    @pytest.mark.parametrize("method", ["Raise", "PlainRaise"])
    @pytest.mark.parametrize(
        "kind",
        ["ValueError", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError"],
    )
    @pytest.mark.asyncio
    async def test_whatever_a_handler_raises_is_a_500_with_its_text(
        self, mesh: Network, method: str, kind: str
    ) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, method, text(f"{kind} out of order"))

        assert reply.status.code == 500
        assert reply.status.message == "handler error: out of order"
        assert (reply.handled_by, reply.executed) == ("a", Executed.YES)
        assert outcome(await serve(mesh, a, "EchoText", text("still there"))) == (200, "OK")

    @pytest.mark.asyncio
    async def test_a_long_text_is_cut(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Raise", text("ValueError " + "é" * 2000))

        assert reply.status.code == 500
        assert reply.status.message.startswith("handler error: éééé")
        assert len(reply.status.message.encode()) <= 1024

    @pytest.mark.asyncio
    async def test_a_mesh_error_of_a_handler_keeps_its_code(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Refuse", text("sold out"))

        assert outcome(reply) == (409, "sold out")
        assert dict(reply.status.details) == {"why": "because"}
        assert (reply.handled_by, reply.executed) == ("a", Executed.YES)

    @pytest.mark.asyncio
    async def test_a_code_of_grpc_that_a_handler_chose_arrives_as_it_was_with_text_and_metadata(
        self, mesh: Network
    ) -> None:
        a = await one(mesh)
        codes = [*range(1, 17)]
        texts = ["é" * 4096 if code == 9 else f"code {code}: grüße" for code in codes]

        async with mesh.client(a.address) as client:
            replies = [
                await client.serve(*USERS, "Choose", text(f"{code} {said}"))
                for code, said in zip(codes, texts, strict=True)
            ]

        found = [grpc_status_of(reply) for reply in replies]
        assert [status.code for status in found] == codes
        assert [status.text for status in found] == texts
        assert {status.trailing for status in found} == {CHOSEN_TRAILING}
        assert [reply.initial_metadata for reply in replies] == [chosen_initial(code) for code in codes]
        assert {(reply.executed, reply.handled_by) for reply in replies} == {(Executed.YES, "a")}

    @pytest.mark.asyncio
    async def test_metadata_of_a_handler_comes_with_its_result(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Choose", text("0 done"))

        assert (outcome(reply), reply.unpack(StringValue).value) == ((200, "OK"), "done")
        assert (reply.initial_metadata, reply.metadata) == (chosen_initial(0), CHOSEN_TRAILING)

    @pytest.mark.asyncio
    async def test_nothing_returned_is_an_empty_message(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Nothing")

        assert (outcome(reply), reply.payload) == ((200, "OK"), EMPTY)

    @pytest.mark.asyncio
    async def test_a_result_that_is_no_message_is_a_handler_error(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Number")

        assert reply.status.code == 500
        assert "expected a protobuf message, a Payload or None, got object" in reply.status.message
        assert reply.executed is Executed.YES

    @pytest.mark.parametrize(
        "payload",
        [
            Payload(TYPE_PREFIX + "google.protobuf.Int64Value", b""),
            Payload("", b"\x0a\x01x"),
            Payload(TYPE_PREFIX + "google.protobuf.StringValue", b"\xff\xff"),
            Payload(TYPE_PREFIX + "google.protobuf.StringValue", b"\x0a\x02\xff\xfe"),
        ],
        ids=["another type", "no type", "no message", "no unicode"],
    )
    @pytest.mark.asyncio
    async def test_a_payload_that_the_method_does_not_take_is_refused(
        self, mesh: Network, payload: Payload
    ) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "EchoText", payload)

        assert reply.status.code == 400
        assert "payload" in reply.status.message
        assert "google.protobuf.StringValue" in reply.status.message
        assert (reply.handled_by, reply.executed) == ("", Executed.NO)
        assert await count(a, "runs") == 0

    @pytest.mark.asyncio
    async def test_payloads_up_to_the_limit_pass_and_one_byte_more_does_not(self, mesh: Network) -> None:
        a = await one(mesh)
        limit = 4 * 1024 * 1024

        fits = await serve(mesh, a, "Echo", Payload("x", bytes(limit)))
        too_large = await serve(mesh, a, "Echo", Payload("x", bytes(limit + 1)))

        assert (outcome(fits), len(fits.payload.value)) == ((200, "OK"), limit)
        assert outcome(too_large) == (
            413,
            f"payload of {limit + 1} bytes is over the limit of {limit} bytes",
        )
        assert await count(a, "runs") == 1

    @pytest.mark.asyncio
    async def test_a_result_over_the_limit_is_a_handler_error(self, mesh: Network) -> None:
        a = await one(mesh)
        limit = 4 * 1024 * 1024

        fits = await serve(mesh, a, "Big", number(limit))
        too_large = await serve(mesh, a, "Big", number(limit + 1))

        assert outcome(fits) == (200, "OK")
        assert too_large.status.code == 500
        assert f"{limit + 1} bytes is over the limit of {limit} bytes" in too_large.status.message

    @pytest.mark.asyncio
    async def test_metadata_reaches_the_handler(self, mesh: Network) -> None:
        a = await one(mesh)
        pairs = (("trace-id", "5"), ("trace-id", "6"), ("token-bin", b"\x00\xff"))

        reply = await serve(mesh, a, "Metadata", metadata=pairs)

        assert reply.unpack(StringValue).value == repr(pairs)

    @pytest.mark.parametrize(
        "pair", [("Upper", "x"), ("key", "é"), ("key-bin", "text"), ("grpc-x", "1"), ("k", "v" * 8192)]
    )
    @pytest.mark.asyncio
    async def test_metadata_that_cannot_travel_is_refused(self, mesh: Network, pair: tuple[str, str]) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Metadata", metadata=[pair])

        assert reply.status.code == 400
        assert reply.status.message.startswith("metadata ")

    @pytest.mark.asyncio
    async def test_a_handler_knows_how_much_time_is_left(self, mesh: Network) -> None:
        a = await one(mesh)

        given = (await serve(mesh, a, "Remaining", timeout=500.0)).unpack(DoubleValue).value
        default = (await serve(mesh, a, "Remaining")).unpack(DoubleValue).value
        unlimited = (await serve(mesh, a, "Remaining", timeout=float("inf"))).unpack(DoubleValue).value

        # gRPC rounds a timeout up, by about a hundredth.
        assert 400.0 < given <= 510.0
        assert 5.0 < default <= 15.2
        assert unlimited == float("inf")

    @pytest.mark.asyncio
    async def test_the_deadline_ends_the_handler(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Hang", timeout=TIMEOUT)

        assert reply.status.code == 504
        assert reply.executed is Executed.MAYBE

        async def is_cancelled() -> bool:
            return await count(a, "cancelled") == 1

        await eventually(is_cancelled)

    @pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
    @pytest.mark.asyncio
    async def test_a_call_without_time_is_not_run(self, mesh: Network, timeout: float) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "Echo", timeout=timeout)

        assert reply.status.code in {400, 504}
        assert await count(a, "runs") == 0

    @pytest.mark.parametrize("method", ["Stubborn", "Block"])
    @pytest.mark.asyncio
    async def test_a_handler_that_cannot_be_stopped_holds_nobody_up(self, mesh: Network, method: str) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, method, timeout=TIMEOUT)

        assert (reply.status.code, reply.executed) == (504, Executed.MAYBE)
        assert outcome(await serve(mesh, a, "EchoText", text("still there"))) == (200, "OK")
        await serve(mesh, a, "Release")

    @pytest.mark.asyncio
    async def test_the_callers_cancellation_ends_the_handler(self, mesh: Network) -> None:
        a = await one(mesh)

        async with mesh.client(a.address) as client:
            call = asyncio.create_task(client.serve(*USERS, "Hang"))

            async def has_started() -> bool:
                return await count(a, "started") == 1

            await eventually(has_started)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

            async def is_cancelled() -> bool:
                return await count(a, "cancelled") == 1

            await eventually(is_cancelled)

    @pytest.mark.asyncio
    async def test_a_timeout_inside_a_handler_is_its_own(self, mesh: Network) -> None:
        a = await one(mesh)

        reply = await serve(mesh, a, "TimesOut")

        assert reply.unpack(StringValue).value == "timed out"

    @pytest.mark.asyncio
    async def test_when_every_thread_is_taken_256_calls_wait_and_more_are_shed(self, mesh: Network) -> None:
        a = await one(mesh)

        async with mesh.client(a.address) as client:
            blocked = [asyncio.create_task(client.serve(*USERS, "Block")) for _ in range(32)]

            async def all_taken() -> bool:
                return await count(a, "started") == 32

            await eventually(all_taken)
            waiting = [
                asyncio.create_task(client.serve(*USERS, "PlainEcho", text("later"))) for _ in range(257)
            ]
            (one_shed,), _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            shed = one_shed.result()
            await client.serve(*USERS, "Release")
            replies = await asyncio.gather(*blocked, *waiting)

        assert outcome(shed) == (429, "overloaded")
        assert int(shed.status.details["retry_after_ms"]) > 0
        assert (shed.handled_by, shed.executed) == ("", Executed.NO)
        assert Counter(reply.status.code for reply in replies) == {200: 288, 429: 1}

    @pytest.mark.asyncio
    async def test_many_calls_at_once_each_get_their_own_answer(self, mesh: Network) -> None:
        a = await one(mesh)

        async with mesh.client(a.address) as client:
            replies = await asyncio.gather(
                *(client.serve(*USERS, "Bytes", BytesValue(value=bytes(size))) for size in range(200))
            )

        assert [reply.unpack(Int64Value).value for reply in replies] == list(range(200))
