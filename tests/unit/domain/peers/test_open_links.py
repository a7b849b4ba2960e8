"""How many links there may be, and who gives way."""

import pytest
from tests.unit.domain.link.plain_host import Host, introduction

from collector_mesh.app.testing.fake_links import FakeStream
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.peers.open_links import OpenLinks
from collector_mesh.domain.peers.peer import OpenLink


class Door:
    """Takes streams, of which each is a link."""

    def __init__(self, *, max_links: int = 1024, max_silent: int = 64) -> None:
        self.links = OpenLinks(LinkRules(max_links=max_links, max_silent=max_silent))

    def take(self, address: str, *, speaks: bool = False) -> LinkEngine:
        engine = LinkEngine(introduction("here"), Host(), now=0.0)
        self.links.make_room_for(engine, FakeStream(address))
        engine.comes_from(address)
        self.links.add(OpenLink(engine, address))
        if speaks:
            self.links.spoke(engine)
        return engine


def test_of_too_many_that_say_nothing_the_one_silent_longest_of_the_host_with_most_fails() -> None:
    door = Door(max_silent=3)
    taken = [door.take(address) for address in ("1.1.1.1:1", "2.2.2.2:1", "2.2.2.2:2", "3.3.3.3:1")]

    assert [engine.has_failed for engine in taken] == [False, True, False, False]


def test_whoever_comes_when_all_links_are_taken_fails_until_one_is_given_back() -> None:
    door = Door(max_links=2)
    first = [door.take(f"1.1.1.{host}:1", speaks=True) for host in (1, 2)]
    late = door.take("1.1.1.3:1")
    with pytest.raises(OverloadedError, match="there are 2 links already"):
        door.links.check_room()

    door.links.remove(late)
    door.links.remove(first[0])
    door.links.check_room()
    later = door.take("1.1.1.3:2")

    assert [engine.has_failed for engine in (*first, late, later)] == [False, False, True, False]
    assert [door.links.address_of(engine) for engine in (first[0], later)] == ["", "1.1.1.3:2"]


def test_whoever_has_more_than_three_quarters_of_all_links_loses_one_to_somebody_else() -> None:
    door = Door(max_links=4)
    greedy = [door.take(f"1.1.1.1:{port}", speaks=True) for port in range(4)]
    again = door.take("1.1.1.1:9")
    door.links.remove(again)

    other = door.take("2.2.2.2:1")

    assert (again.has_failed, other.has_failed) == (True, False)
    assert [engine.has_failed for engine in greedy] == [False, False, False, True]
