"""Where a client calls that was given names: what they lead to is looked up, and kept while nothing better is known."""

import pytest

from collector_mesh.app.testing.fakes import FakeClock, FakeNames, run
from collector_mesh.domain.model.addresses import FixedAddresses
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.peers.following import LEAST_SECONDS, LOOK_SECONDS, MAX_MEMBERS
from collector_mesh.domain.peers.named_addresses import NamedAddresses, addresses_in
from collector_mesh.domain.ports.addresses import Addresses

NAME, OTHER = "dns:orders:1", "dns:shop:1"


class Given:
    """Addresses as they were given, and the names in them."""

    def __init__(self, text: str = NAME, **found: tuple[str, ...]) -> None:
        self.clock = FakeClock()
        self.names = FakeNames({f"dns:{name}:1": addresses for name, addresses in found.items()})
        self.addresses: Addresses = addresses_in(text, self.names, now=self.clock.now)

    def refresh(self) -> str:
        return run(self.addresses.refresh())


def test_without_names_addresses_stay_as_they_are_and_nothing_is_looked_up() -> None:
    given = Given("a:1,b:1")

    assert isinstance(given.addresses, FixedAddresses)
    assert not given.addresses.may_change
    assert given.refresh() == ""
    assert (given.addresses.known(), given.names.asked) == (("a:1", "b:1"), [])


def test_until_it_was_looked_up_a_name_leads_nowhere_and_addresses_beside_it_are_known() -> None:
    given = Given(f"a:1,{NAME}", orders=("b:1",))

    assert (given.addresses.known(), given.addresses.is_due) == (("a:1",), True)
    assert (given.addresses.text, given.addresses.may_change) == (f"a:1,{NAME}", True)


def test_what_names_lead_to_is_known_in_their_order_and_each_once() -> None:
    given = Given(f"{NAME},a:1,{OTHER}", orders=("b:1", "c:1"), shop=("c:1", "a:1", "d:1"))

    assert given.refresh() == ""

    assert given.addresses.known() == ("b:1", "c:1", "a:1", "d:1")
    assert given.names.asked == [NAME, OTHER]


@pytest.mark.parametrize(
    ("seconds", "pause"), [(0.0, LEAST_SECONDS), (4.0, 4.0), (LOOK_SECONDS * 100, LOOK_SECONDS)]
)
def test_it_is_due_again_when_the_time_of_the_answer_is_up(seconds: float, pause: float) -> None:
    given = Given(orders=("b:1",))
    given.names.seconds = seconds

    given.refresh()

    assert not given.addresses.is_due
    given.clock.time += pause - 0.01
    assert not given.addresses.is_due
    given.clock.time += 0.02
    assert given.addresses.is_due


def test_what_was_known_stays_where_a_name_cannot_be_looked_up_anymore() -> None:
    given = Given(f"{NAME},{OTHER}", orders=("a:1",), shop=("b:1",))
    given.refresh()
    del given.names.found[NAME]
    given.names.found[OTHER] = ("c:1",)

    assert given.refresh() == f"{NAME} leads nowhere"
    assert given.addresses.known() == ("a:1", "c:1")


def test_each_name_that_leads_nowhere_is_told() -> None:
    given = Given(f"{NAME},{OTHER}")

    assert given.refresh() == f"{NAME} leads nowhere; {OTHER} leads nowhere"
    assert given.addresses.known() == ()


def test_a_whole_answer_takes_the_place_of_the_last_one_and_one_that_may_lack_some_does_not() -> None:
    given = Given(orders=("a:1", "b:1"))
    given.refresh()
    given.names.found[NAME] = ("b:1", "c:1")

    given.names.is_partial = True
    given.refresh()
    partly = given.addresses.known()
    given.names.is_partial = False
    given.refresh()

    assert partly == ("b:1", "c:1", "a:1")
    assert given.addresses.known() == ("b:1", "c:1")


def test_of_too_many_addresses_some_are_used_also_where_answers_lack_some() -> None:
    given = Given(orders=tuple(f"a{number}:1" for number in range(MAX_MEMBERS)))
    given.refresh()
    given.names.found[NAME] = tuple(f"b{number}:1" for number in range(MAX_MEMBERS))
    given.names.is_partial = True

    given.refresh()

    assert given.addresses.known() == given.names.found[NAME]


def test_a_name_that_is_malformed_is_refused_at_once() -> None:
    class Strict(FakeNames):
        def check(self, address: str) -> None:
            raise InvalidCallError(f"{address} has no port")

    with pytest.raises(InvalidCallError, match="dns:orders has no port"):
        NamedAddresses(FixedAddresses("a:1,dns:orders"), Strict(), FakeClock().now)
