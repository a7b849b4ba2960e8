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

    assert found == ((("b", "1"), ("a", "2"), ("b", "3")), "users", "users-2", False, "")


def test_a_key_that_says_the_same_twice_is_heard_once() -> None:
    found = routing_of((("collector-namespace", "users"), ("collector-namespace", "users")))

    assert found == ((), "users", "", False, "")


@pytest.mark.parametrize(("value", "tells"), [("handled-by", True), ("something-else", False)])
def test_a_caller_says_whether_it_wants_to_know_who_has_handled_the_call(value: str, tells: bool) -> None:
    assert routing_of((("collector-tell", value), ("a", "1"))) == ((("a", "1"),), "", "", tells, "")


def test_an_idempotency_key_is_taken_out_of_the_metadata() -> None:
    found = routing_of((("a", "1"), ("idempotency-key", "order-7")))

    assert (found.metadata, found.idempotency_key) == ((("a", "1"),), "order-7")


@pytest.mark.parametrize(
    "pairs",
    [(("idempotency-key", "secret\n"),), (("idempotency-key", "secret"), ("idempotency-key", "other"))],
)
def test_what_is_no_idempotency_key_is_refused_and_not_told(pairs: Metadata) -> None:
    with pytest.raises(InvalidCallError) as raised:
        routing_of(pairs)

    assert "secret" not in str(raised.value)


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
