import pytest

from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.routing_keys import routing_of
from collector_mesh.domain.model.status import Metadata


def test_metadata_that_says_nothing_of_the_way_is_left_as_it_is() -> None:
    metadata: Metadata = (("authorization", "Bearer x"), ("trace-bin", b"\0"))

    found = routing_of(metadata)

    assert found.metadata is metadata
    assert (found.namespace, found.target) == ("", "")


def test_the_keys_of_the_mesh_are_taken_out_and_the_others_stay_in_their_order() -> None:
    found = routing_of(
        (
            ("b", "1"),
            ("collector-target", "users-2"),
            ("a", "2"),
            ("collector-namespace", "users"),
            ("collector-unknown-bin", b"\0"),
            ("b", "3"),
        )
    )

    assert found == ((("b", "1"), ("a", "2"), ("b", "3")), "users", "users-2", False)


def test_a_key_that_says_the_same_twice_is_heard_once() -> None:
    found = routing_of((("collector-namespace", "users"), ("collector-namespace", "users")))

    assert found == ((), "users", "", False)


@pytest.mark.parametrize(("value", "tells"), [("handled-by", True), ("something-else", False)])
def test_a_caller_says_whether_it_wants_to_know_who_has_handled_the_call(value: str, tells: bool) -> None:
    assert routing_of((("collector-tell", value), ("a", "1"))) == ((("a", "1"),), "", "", tells)


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (
            (("collector-namespace", "a"), ("collector-namespace", "b")),
            "metadata 'collector-namespace' must have one value, got 'a' and 'b'",
        ),
        ((("collector-namespace", ""),), "metadata 'collector-namespace' is required"),
        ((("collector-target", "a b"),), r"metadata 'collector-target' must match .*, got 'a b'"),
        ((("collector-target", b"users-2"),), "metadata 'collector-target' must be a text"),
    ],
)
def test_a_way_that_is_no_way_is_refused_by_its_key(metadata: Metadata, text: str) -> None:
    with pytest.raises(InvalidCallError, match=text):
        routing_of(metadata)
