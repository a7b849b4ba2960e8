"""Validators that ask a registry belong to a loop, and to the collectors that use them."""

import asyncio
from collections.abc import Awaitable, Callable

import attrs
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

    def __init__(self, fresh: float = 1e-9) -> None:
        super().__init__("a registry", Times(fresh=fresh))
        self.asked = 0
        self.parted = self.left = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def _ask(self, key: MethodKey) -> Answer:
        await asyncio.sleep(0)
        await self.answers.wait()
        self.asked += 1
        return Valid(Allowed())

    def _parted(self) -> Callable[[], Awaitable[None]]:
        self.parted += 1

        async def leave() -> None:
            self.left += 1

        return leave


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


def test_a_call_that_waits_is_answered_although_the_collector_stops_that_had_begun_to_ask() -> None:
    async def main() -> None:
        validator = Telling()
        one, two = (collector(name, validator, LoopbackNetwork()) for name in ("one", "two"))
        await one.start()
        async with two:
            validator.answers.clear()
            waiting = asyncio.create_task(asked(two))
            while not validator.is_open:
                await asyncio.sleep(0)
            await one.stop()
            validator.answers.set()
            assert await waiting == 200

    asyncio.run(main())


def test_what_is_opened_while_it_closes_is_not_closed_with_it() -> None:
    async def main() -> None:
        validator = Telling()
        await validator.validate_service_method(*KEY)
        closing = asyncio.create_task(validator.aclose())
        while not validator.parted:
            await asyncio.sleep(0)
        assert await validator.validate_service_method(*KEY) == Allowed()
        await closing
        assert (validator.parted, validator.is_open) == (1, True)
        await validator.aclose()

    asyncio.run(main())


def test_an_answer_that_is_used_in_another_loop_is_not_asked_for_again_there() -> None:
    async def main() -> None:
        validator = Telling(fresh=60.0)
        await validator.validate_service_method(*KEY)
        # It is time to ask for it again.
        validator._asking._told[KEY] = attrs.evolve(validator._asking._told[KEY], refresh=0.0)
        before = validator.asked

        async def elsewhere() -> object:
            found = validator.at_hand(KEY)
            await asyncio.sleep(0.01)
            return found

        assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) == Allowed()
        assert validator.asked == before
        await validator.aclose()

    asyncio.run(main())


def test_a_call_that_waits_gets_its_answer_also_where_its_collector_has_another_validator_now() -> None:
    async def main() -> None:
        validator = Telling()
        async with collector("one", validator, LoopbackNetwork()) as made:
            validator.answers.clear()
            waiting = asyncio.create_task(asked(made))
            while not validator.is_open:
                await asyncio.sleep(0)
            made.set_validator(None)
            assert await asked(made) == 200
            assert not waiting.done()
            validator.answers.set()
            assert await waiting == 200
            while validator.is_open:
                await asyncio.sleep(0)
        assert validator.left == 1

    asyncio.run(main())


def test_a_collector_that_stops_does_not_wait_for_the_one_that_it_had_before_and_leaves_it_closed() -> None:
    async def main() -> None:
        validator = Telling()
        validator.answers.clear()
        async with collector("one", validator, LoopbackNetwork()) as made:
            waiting = asyncio.create_task(made.dispatch(*KEY, timeout=0.05))
            while not validator.is_open:
                await asyncio.sleep(0)
            made.set_validator(None)
            assert (await waiting).status.code == 503
        assert not validator.is_open
        assert validator.left == 1

    asyncio.run(main())


def test_a_collector_that_takes_it_back_at_once_uses_it_still() -> None:
    async def main() -> None:
        validator = Telling()
        async with collector("one", validator, LoopbackNetwork()) as made:
            for _ in range(3):
                made.set_validator(None)
                made.set_validator(validator)
            assert await asked(made) == 200
            await asyncio.sleep(0)
            assert validator.is_open
            assert validator.left == 0
        assert not validator.is_open

    asyncio.run(main())
