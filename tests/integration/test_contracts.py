"""The example of contracts as its page tells it: processes, and programs that know the types from the contract or by reflection."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.services.processes import LOOPBACK, Serving, serving
from tests.integration.test_other_languages import NODE, node_has_grpc
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, Contract, MeshClient, implements
from collector_mesh.app.cli.main import main
from collector_mesh.testing import check_contract

EXAMPLE = Path(__file__).parents[2] / "examples" / "contracts"
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join([str(EXAMPLE), *filter(None, [os.environ.get("PYTHONPATH")])])}
ORDER = {"customer": "Bob", "cups": [{"drink": "tea", "size": "SIZE_LARGE"}]}


@dataclass
class Order:
    item: str


class Shop(Contract, namespace="shop", service="cafe.v1.Shop"):
    async def order(self, order: Order) -> Order: ...  # type: ignore[empty-body]


class Admin(Contract, namespace="shop", service="cafe.v1.Admin"):
    async def change(self, order: Order) -> Order: ...  # type: ignore[empty-body]


@implements(Shop)
class MyShop:
    async def order(self, order: Order) -> Order:
        return order


@implements(Admin)
class MyAdmin:
    async def change(self, order: Order) -> Order:
        return order


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop() -> AsyncIterator[Serving]:
    flags = ("--service", "shop_service:CornerShop", "--reflection")
    async with serving("shop-1", *flags, environment=ENVIRONMENT) as shop:
        yield shop


def program(name: str, *arguments: str) -> str:
    """What a program of the example prints."""
    done = subprocess.run(
        [sys.executable, EXAMPLE / name, *arguments],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_programs_call_by_the_contract_with_await_and_without(shop: Serving) -> None:
    bought = await asyncio.to_thread(program, "buy.py", shop.address)
    shown = await asyncio.to_thread(program, "till.py", shop.address, "Ada")

    assert bought.splitlines() == [
        "receipt 1: 850 cents, for 01 December",
        "there is no milk, there are coffee, tea",
        "order.cups[0].size: got str, expected Size; order.cups[1].drink: got int, expected str",
    ]
    assert shown == "receipt 1: coffee, tea\n"


async def test_programs_that_know_no_contract_see_its_types_and_call_through_any_collector(
    shop: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Collector(
        "edge", listen=LOOPBACK, namespaces=["shop"], peers=[shop.address], reflection=True
    ) as edge:
        await edge.wait_for(methods=["shop/cafe.v1.Shop/prices"])

        described = await asyncio.to_thread(main, ["describe", edge.address, "cafe.v1.Order"])
        told = capsys.readouterr().out
        method = "cafe.v1.Shop/create_order"
        called = await asyncio.to_thread(main, ["call", edge.address, method, "-d", json.dumps(ORDER)])
        receipt = json.loads(capsys.readouterr().out)
        wrong = await asyncio.to_thread(main, ["call", edge.address, method, "-d", '{"cups": [{"drnk": 1}]}'])

    assert (described, called) == (0, 0)
    assert "repeated cafe.v1.Cup cups = 2;" in told
    assert receipt["cents"] == "500"
    assert receipt["order"] == ORDER
    assert wrong == 2
    assert 'cups[0]: cafe.v1.Cup has no field "drnk"' in capsys.readouterr().err


async def test_bytes_that_are_no_request_are_a_400_that_says_which_method_expects_what(shop: Serving) -> None:
    async with MeshClient(shop.address) as client:
        reply = await client.dispatch("shop", "cafe.v1.Shop", "create_order", {"customer": "Bob"})

    assert reply.status.code == 400
    assert "expected 'type.googleapis.com/cafe.v1.Order'" in reply.status.message


async def test_contracts_of_one_package_may_use_the_same_classes(capsys: pytest.CaptureFixture[str]) -> None:
    services = [MyShop, MyAdmin]
    async with Collector("a", listen=LOOPBACK, services=services, reflection=True) as collector:
        listed = await asyncio.to_thread(main, ["services", collector.address])
        told = capsys.readouterr().out
        method, data = "cafe.v1.Admin/change", '{"item": "tea"}'
        called = await asyncio.to_thread(main, ["call", collector.address, method, "-d", data])

    assert (listed, called) == (0, 0)
    assert "cafe.v1.Admin\n  change  unary  cafe.v1.Order -> cafe.v1.Order\n" in told
    assert "cafe.v1.Shop\n  order  unary  cafe.v1.Order -> cafe.v1.Order\n" in told
    assert "grpc.health.v1.Health\n  Check" in told
    assert json.loads(capsys.readouterr().out) == {"item": "tea"}


async def test_the_lock_file_of_the_example_has_its_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from shop_api import Shop

    check_contract(Shop)


def command(*arguments: str) -> str:
    """What a command prints, in the folder of the example."""
    done = subprocess.run(
        [sys.executable, "-m", "collector_mesh", "contract", *arguments],
        cwd=EXAMPLE,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not node_has_grpc(), reason="needs node, @grpc/grpc-js and @grpc/proto-loader")
async def test_a_program_for_node_calls_by_the_proto_of_the_contract(shop: Serving, tmp_path: Path) -> None:
    await asyncio.to_thread(command, "proto", "shop_api:Shop", "--out", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        str(NODE), str(EXAMPLE / "order.js"), shop.address, str(tmp_path), stdout=subprocess.PIPE
    )
    async with asyncio.timeout(LIMIT_SECONDS):
        output, _ = await process.communicate()

    assert re.fullmatch(r"receipt \d+: 500 cents\n", output.decode())
