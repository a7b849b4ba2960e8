"""Going through all of a registry, page by page."""

from collections.abc import AsyncIterator
from typing import TypeVar

import attrs
import pytest

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.registry.every import Every
from collector_mesh.domain.registry.limits import MAX_PAGE
from collector_mesh.domain.registry.registry import PAGE
from collector_mesh.domain.registry.results import Change, HistoryPage, RegisteredService, ServicePage

T = TypeVar("T")


def service(name: str) -> RegisteredService:
    return RegisteredService(f"shop/{name}", "shop", name, b"", (), "", 0.0, 0.0, {})


def change(number: int) -> Change:
    return Change(number, "shop", "service", f"Service{number}", "registered", 0.0, "")


@attrs.define
class Paged(Every):
    """A registry whose pages are given; what was asked for is taken down."""

    services: list[list[RegisteredService]] = attrs.field(factory=list)
    changes: list[list[Change]] = attrs.field(factory=list)
    asked: list[tuple[str, str, str, int]] = attrs.field(factory=list)

    async def list(self, namespace: str = "", *, after: str = "", limit: int = PAGE) -> ServicePage:
        self.asked.append((namespace, "", after, limit))
        entries, next_after = page_of(self.services, after)
        return ServicePage(tuple(entries), next_after)

    async def history(
        self, namespace: str = "", name: str = "", *, after: str = "", limit: int = PAGE
    ) -> HistoryPage:
        self.asked.append((namespace, name, after, limit))
        entries, next_after = page_of(self.changes, after)
        return HistoryPage(tuple(entries), next_after)


def page_of(pages: list[list[T]], after: str) -> tuple[list[T], str]:
    number = int(after or "0")
    return pages[number], str(number + 1) if number + 1 < len(pages) else ""


async def all_of(entries: AsyncIterator[T]) -> list[T]:
    return [entry async for entry in entries]


def test_services_come_from_all_pages_in_their_order_and_each_page_is_asked_for_once() -> None:
    a, b, c = map(service, "abc")
    registry = Paged(services=[[a, b], [], [c]])

    found = run(all_of(registry.every("shop")))

    assert found == [a, b, c]
    assert registry.asked == [("shop", "", after, MAX_PAGE) for after in ("", "1", "2")]


def test_changes_come_from_all_pages_in_their_order_and_of_what_was_asked_for() -> None:
    third, second, first = change(3), change(2), change(1)
    registry = Paged(changes=[[third], [second, first]])

    found = run(all_of(registry.every_change("shop", "Orders")))

    assert found == [third, second, first]
    assert registry.asked == [("shop", "Orders", after, MAX_PAGE) for after in ("", "1")]


def test_an_empty_registry_is_asked_once() -> None:
    registry = Paged(services=[[]])

    assert run(all_of(registry.every())) == []
    assert len(registry.asked) == 1


def test_a_page_is_asked_for_only_when_the_one_before_is_used_up() -> None:
    registry = Paged(services=[[service("a")], [service("b")]])

    async def first() -> RegisteredService:
        return await anext(registry.every())

    assert run(first()) == service("a")
    assert len(registry.asked) == 1


def test_pages_that_are_empty_for_a_while_are_gone_through() -> None:
    registry = Paged(services=[*[[]] * 999, [service("a")], *[[]] * 999, [service("b")]])

    assert run(all_of(registry.every())) == [service("a"), service("b")]


def test_a_registry_that_answers_with_empty_pages_for_ever_is_given_up() -> None:
    services: list[list[RegisteredService]] = [[]] * 10_000
    changes: list[list[Change]] = [[]] * 10_000
    registry = Paged(services=services, changes=changes)

    with pytest.raises(UnavailableError, match="does not come to an end"):
        run(all_of(registry.every()))
    with pytest.raises(UnavailableError, match="does not come to an end"):
        run(all_of(registry.every_change()))

    assert len(registry.asked) < 2_100
