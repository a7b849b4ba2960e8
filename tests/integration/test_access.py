"""Access rules over real sockets: certificates and bearer tokens, at every door of a collector."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.integration.services.certificates import Authority, identity_of
from tests.integration.services.processes import LOOPBACK, eventually

from collector_mesh import (
    Access,
    CallContext,
    Collector,
    ForbiddenError,
    InvalidCallError,
    MeshClient,
    MeshError,
    Payload,
    Registry,
    RegistryClient,
    Service,
    SyncMeshClient,
    UnauthenticatedError,
)
from collector_mesh.adapters.grpc.inspect_client import InspectClient
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.names import MethodKey

pytestmark = pytest.mark.asyncio

SECRET, OTHER = "canary-0123456789-secret", "canary-9876543210-other!"
HEADER = ("authorization", f"Bearer {SECRET}")


class Seen:
    """What a handler has seen of its callers."""

    def __init__(self) -> None:
        self.metadata: list[Any] = []
        self.identities: list[Any] = []

    def service(self, namespace: str = "orders") -> Service:
        service = Service(namespace, "acme.Orders")

        async def look(request: Payload, context: CallContext) -> Payload:
            self.metadata.append(context.metadata)
            self.identities.append(context.identity)
            return Payload("", request.value)

        service.method("Get")(look)
        service.method("Delete")(look)
        return service


async def code(client: MeshClient, method: str = "Get") -> tuple[int, str]:
    reply = await client.dispatch("orders", "acme.Orders", method, Payload("", b"x"), timeout=10)
    return reply.status.code, reply.status.message


def rules(**tokens: str) -> Access:
    return Access(
        tokens=tokens,
        rules=[
            {
                "name": "no deletes",
                "who": ["token:ci"],
                "effect": "deny",
                "use": ["orders/acme.Orders.Delete"],
            },
            {"name": "ci", "who": ["token:ci"], "use": ["orders"]},
            {"name": "mesh", "who": ["token:mesh", "id:*"], "peer": ["*"], "serve": ["*"], "use": ["*"]},
            {"name": "operators", "who": ["token:ops"], "inspect": True},
        ],
    )


async def test_bearer_tokens_decide_at_every_door_and_reach_no_handler(  # noqa: PLR0915  # each is a door
    tmp_path: Path,
) -> None:
    seen, ops = Seen(), "operator-0123456789abc"
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    async with Collector(
        "orders-1",
        listen=LOOPBACK,
        services=[seen.service()],
        access=rules(ci=SECRET, ops=ops),
        registry=Registry(),
        reflection=True,
    ) as collector:
        address = collector.address
        async with (
            MeshClient(address, token_file=file) as good,
            MeshClient(address, token=OTHER) as wrong,
            MeshClient(address) as nobody,
        ):
            assert (await code(good))[0] == 200
            assert await code(good, "Delete") == (
                403,
                "'token:ci' may not call 'acme.Orders.Delete' in namespace 'orders': rule 'no deletes' denies it",
            )
            assert (await code(wrong)) == (401, "the bearer token is not one that is known here")
            assert (await code(nobody))[0] == 401
            assert "canary" not in repr((vars(wrong), good.container.options(), wrong.container.options()))
            sync = SyncMeshClient(address, token=SECRET)
            assert "canary" not in repr(vars(sync))
            called = await asyncio.to_thread(sync.dispatch, "orders", "acme.Orders", "Get", Payload("", b"x"))
            assert called.status.code == 200
            await asyncio.to_thread(sync.close)
            with pytest.raises(UnauthenticatedError, match="credentials are required to call"):
                await nobody.call("orders", "acme.Orders", "Get", Payload("", b"x"))
        async with grpc.aio.insecure_channel(address) as channel:
            call: Any = channel.unary_unary("/acme.Orders/Get")
            unary: Any = channel.unary_unary("/collector.CollectiveDispatcher/Serve")
            connect: Any = channel.unary_unary("/collector.CollectiveDispatcher/Connect")
            reflect: Any = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
            lists: Any = channel.unary_unary("/collector.CollectorRegistry/ListServices")
            request = pb.ServeRequest(
                namespace="orders",
                service=pb.ServiceTypeRef(service_name="acme.Orders"),
                method_name="Get",
            ).SerializeToString()
            assert await call(b"x", metadata=(HEADER, ("x-app", "1"))) == b"x"
            assert pb.ServeResponse.FromString(await unary(request, metadata=(HEADER,))).status.code == 200
            for metadata, expected in (
                ((("authorization", f"Bearer {OTHER}"),), 401),
                ((), 401),
            ):
                assert (
                    pb.ServeResponse.FromString(await unary(request, metadata=metadata)).status.code
                    == expected
                )
                offer = pb.ConnectRequest(collector_id="a", address="127.0.0.1:9", namespaces=["orders"])
                answer = await connect(offer.SerializeToString(), metadata=metadata)
                assert pb.ConnectResponse.FromString(answer).status.code == expected
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(b"x", metadata=metadata)
                assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await lists(b"\n\x06orders", metadata=metadata)
                assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
                stream = reflect(metadata=(*metadata, ("collector-namespace", "orders")))
                assert await stream.code() is grpc.StatusCode.UNAUTHENTICATED
        key = MethodKey("orders", "acme.Orders", "Get")
        async with InspectClient(address, tls=None, insecure=False, token=lambda: ops) as client:
            assert (await client.snapshot(timeout=5)).collector_id == "orders-1"
            told = await client.explain(key, timeout=5)
            assert told.access.startswith("403: 'token:ops' may not call 'acme.Orders.Get'")
            told = await client.explain(key, timeout=5, caller="token:ci")
            assert told.access == "'token:ci' may call it: rule 'ci' allows it"
            with pytest.raises(MeshError, match="caller must be one"):
                await client.explain(key, timeout=5, caller="token:*")
        for token, refused in ((None, UnauthenticatedError), (lambda: SECRET, ForbiddenError)):
            async with InspectClient(address, tls=None, insecure=False, token=token) as client:
                with pytest.raises(refused):
                    await client.snapshot(timeout=5)
        async with RegistryClient(address, token=SECRET) as registry:
            assert not await registry.list("orders")
            with pytest.raises(ForbiddenError, match="may not use namespace 'users'"):
                await registry.list("users")
    assert [identity.token for identity in seen.identities] == ["ci"] * 4
    assert "canary" not in repr((seen.metadata, seen.identities))
    assert ("x-app", "1") in seen.metadata[2]


async def test_collectors_are_peers_by_their_tokens_and_a_token_does_not_leave_the_machine_in_plaintext(
    tmp_path: Path,
) -> None:
    seen, observer = Seen(), FakeObserver()
    file, bad = tmp_path / "token", tmp_path / "bad"
    file.write_text(SECRET)
    bad.write_text(OTHER)
    access = rules(mesh=SECRET)
    async with (
        Collector(
            "orders-1", listen=LOOPBACK, services=[seen.service()], access=access, observer=observer
        ) as orders,
        Collector("front", namespaces=["orders"], peers=[orders.address], token_file=file) as front,
        Collector("evil", namespaces=["orders"], peers=[orders.address], token_file=bad),
    ):
        await eventually(lambda: [peer.peer_id for peer in front.snapshot().connections] == ["orders-1"])
        assert (await front.dispatch("orders", "acme.Orders", "Get", Payload("", b"x"))).status.code == 200
        await eventually(lambda: any("bearer token" in str(event) for event in observer.events))
    assert "canary" not in repr(observer.events)
    with pytest.raises(InvalidCallError, match=r"not sent in plaintext to 192\.0\.2\.1:7000"):
        async with MeshClient("192.0.2.1:7000", token=SECRET, insecure=True) as client:
            (await code(client))


async def test_with_mutual_tls_rules_are_about_certificates_and_ids_follow_from_them(tmp_path: Path) -> None:
    authority, seen, observer = Authority(tmp_path), Seen(), FakeObserver()
    team = "spiffe://mesh.test/team/blue"
    access = Access(
        rules=[
            {"name": "collectors", "who": ["id:front*"], "peer": ["*"], "serve": ["*"], "use": ["orders"]},
            {"name": "blue", "who": [f"uri:{team}"], "use": ["orders/acme.Orders.Get"]},
        ]
    )
    async with Collector(
        "orders-1",
        listen=LOOPBACK,
        services=[seen.service()],
        tls=authority.collector("orders-1"),
        access=access,
        observer=observer,
    ) as orders:
        peers = [orders.address]
        async with (
            Collector("front", namespaces=["orders"], peers=peers, tls=authority.collector("front")) as front,
            Collector("evil", namespaces=["orders"], peers=peers, tls=authority.collector("evil")),
            MeshClient(orders.address, tls=authority.issue("blue", identity=team)) as blue,
            MeshClient(orders.address, tls=authority.issue("x", identity=identity_of("x"))) as other,
        ):
            await eventually(lambda: [peer.peer_id for peer in front.snapshot().connections] == ["orders-1"])
            assert (
                await front.dispatch("orders", "acme.Orders", "Delete", Payload("", b"x"))
            ).status.code == 200
            assert (await code(blue))[0] == 200
            assert (await code(blue, "Delete"))[0] == 403
            assert await code(other) == (
                403,
                f"'{identity_of('x')}' may not call 'acme.Orders.Get' in namespace 'orders': no rule is about it",
            )
            refused = f"'{identity_of('evil')}' may not be a peer as 'evil': no rule is about it"
            await eventually(
                lambda: any(refused in getattr(event, "reason", "") for event in observer.events)
            )
            with pytest.raises(MeshError, match="may not look inside"):
                async with InspectClient(
                    orders.address, tls=authority.issue("b", identity=team), insecure=False
                ) as client:
                    await client.snapshot(timeout=5)
            assert [peer.peer_id for peer in orders.snapshot().connections] == ["front"]
