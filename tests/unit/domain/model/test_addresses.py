"""Several addresses in one text."""

import pytest

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.addresses import MAX_ADDRESSES, FixedAddresses
from collector_mesh.domain.model.errors import InvalidCallError


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("a:1", ("a:1",)),
        ("a:1,b:2", ("a:1", "b:2")),
        (" a:1 , b:2 ", ("a:1", "b:2")),
        ("a:1,b:2,a:1", ("a:1", "b:2")),
        ("[::1]:1,[::1]:2", ("[::1]:1", "[::1]:2")),
        ("", ("",)),
    ],
)
def test_each_address_is_known_once(text: str, known: tuple[str, ...]) -> None:
    addresses = FixedAddresses(text)

    assert addresses.known() == known
    assert addresses.text == text


@pytest.mark.parametrize(("text", "number"), [("a:1,", 2), (",a:1", 1), ("a:1,,b:2", 2), (",", 1)])
def test_an_empty_one_of_several_is_named(text: str, number: int) -> None:
    with pytest.raises(InvalidCallError, match=rf"^address {number} of \d is empty in '{text}'$"):
        FixedAddresses(text)


def test_too_many_are_refused_and_as_many_as_may_be_are_not() -> None:
    texts = [f"a:{port}" for port in range(MAX_ADDRESSES + 1)]

    assert len(FixedAddresses(",".join(texts[1:])).known()) == MAX_ADDRESSES
    with pytest.raises(InvalidCallError, match=f"at most {MAX_ADDRESSES} addresses are allowed, got 33"):
        FixedAddresses(",".join(texts))


def test_asking_again_changes_nothing() -> None:
    addresses = FixedAddresses("a:1")

    assert run(addresses.refresh()) == ""
    assert addresses.known() == ("a:1",)
