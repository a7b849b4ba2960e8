"""Validators that ask a registry belong to a loop, and to the collectors that use them."""

import asyncio

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, LoopbackNetwork, Service, UnavailableError
from collector_mesh.adapters.runtime.asking import AskingValidator
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.registry.remembered import Answer, Times, Valid

KEY = MethodKey("users", "UserService", "Get")


class Telling(AskingValidator):
    """Says that every method is there; forgets what it has said at once."""

    def __init__(self) -> None:
        super().__init__("a registry", Times(fresh=1e-9))
        self.asked = 0
        self.left = 0

    async def _ask(self, key: MethodKey) -> Answer:
        await asyncio.sleep(0)
        self.asked += 1
        return Valid(Allowed())

    async def _leave(self) -> None:
        self.left += 1


def collector(collector_id: str, validator: Telling, network: LoopbackNetwork) -> Collector:
    service = Service("users", "UserService")

    @service.method("Get")
    async def get() -> None:
        return None

    return Collector(collector_id, transport=network, services=[service], validator=validator)


async def asked(of: Collector) -> int:
    return (await of.dispatch(*KEY, timeout=LIMIT_SECONDS)).status.code


def test_one_can_be_used_in_one_loop_after_the_other_without_being_closed() -> None:
    validator = Telling()

    for _ in range(2):
        assert asyncio.run(validator.validate_service_method(*KEY)) == Allowed()

    assert validator.asked == 2


def test_one_that_is_in_use_elsewhere_says_so() -> None:
    validator = Telling()

    async def main() -> None:
        await validator.validate_service_method(*KEY)
        with pytest.raises(UnavailableError, match="belongs to another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(validator.validate_service_method(*KEY)))
        await validator.aclose()

    asyncio.run(main())


def test_of_two_collectors_the_last_one_closes_it_and_either_may_go_first() -> None:
    async def main(first: int) -> None:
        validator, network = Telling(), LoopbackNetwork()
        both = [collector(name, validator, network) for name in ("one", "two")]
        for each in both:
            await each.start()
            assert await asked(each) == 200
        await both[first].stop()
        assert await asked(both[1 - first]) == 200
        assert validator.is_open
        await both[1 - first].stop()
        assert not validator.is_open

    for first in (0, 1):
        asyncio.run(main(first))


def test_collectors_that_were_never_stopped_leave_it_to_the_next_one() -> None:
    validator, network = Telling(), LoopbackNetwork()

    async def main(collector_id: str, *, stops: bool) -> int:
        made = collector(collector_id, validator, network)
        await made.start()
        code = await asked(made)
        if stops:
            await made.stop()
        else:
            made._unclosed.settle()  # type: ignore[union-attr]  # it is meant to be left
        return code

    assert asyncio.run(main("left", stops=False)) == 200
    assert asyncio.run(main("next", stops=True)) == 200
    assert validator.left == 1


def test_while_it_is_entered_no_collector_closes_it() -> None:
    async def main() -> None:
        async with Telling() as validator:
            async with collector("one", validator, LoopbackNetwork()) as made:
                assert await asked(made) == 200
            await validator.validate_service_method(*KEY)
            assert validator.is_open
        assert not validator.is_open

    asyncio.run(main())
