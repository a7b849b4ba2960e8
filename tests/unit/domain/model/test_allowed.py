"""What may be in a call of a method whose type is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.payload import EMPTY, TYPE_PREFIX, WHATEVER_FITS

USER = "users.v1.User"
STRUCT, LIST, VALUE = (f"google.protobuf.{name}" for name in ("Struct", "ListValue", "Value"))
EMPTY_NAME = "google.protobuf.Empty"


@pytest.mark.parametrize(
    ("takes", "type_url"),
    [
        (USER, TYPE_PREFIX + USER),
        (USER, f"types.example.com/{USER}"),
        (USER, WHATEVER_FITS),
        (EMPTY_NAME, EMPTY.type_url),
        (EMPTY_NAME, ""),
        (STRUCT, TYPE_PREFIX + VALUE),
        (VALUE, TYPE_PREFIX + LIST),
        (VALUE, EMPTY.type_url),
        (VALUE, ""),
        ("", "anything at all"),
    ],
)
def test_what_a_method_takes_fits(takes: str, type_url: str) -> None:
    Allowed(takes).check(type_url)


@pytest.mark.parametrize(
    ("takes", "type_url", "said"),
    [
        (USER, "type.googleapis.com/users.v1.Order", f"payload is a 'type.googleapis.com/users.v1.Order', expected '{TYPE_PREFIX}{USER}'"),
        (USER, "", f"payload is missing, expected '{TYPE_PREFIX}{USER}'"),
        (USER, EMPTY.type_url, f"payload is a '{EMPTY.type_url}', expected '{TYPE_PREFIX}{USER}'"),
        (USER, TYPE_PREFIX + STRUCT, f"payload is a '{TYPE_PREFIX}{STRUCT}', expected '{TYPE_PREFIX}{USER}'"),
        (STRUCT, TYPE_PREFIX + USER, f"payload is a '{TYPE_PREFIX}{USER}', expected '{TYPE_PREFIX}{STRUCT}'"),
        (STRUCT, "", f"payload is missing, expected '{TYPE_PREFIX}{STRUCT}'"),
    ],
)  # fmt: skip
def test_anything_else_is_named_with_what_is_taken(takes: str, type_url: str, said: str) -> None:
    with pytest.raises(InvalidCallError) as caught:
        Allowed(takes).check(type_url)

    assert str(caught.value) == said


@given(takes=st.text(max_size=20), type_url=st.text(max_size=30))
def test_what_is_compared_first_fits_always(takes: str, type_url: str) -> None:
    allowed = Allowed(takes)

    assert allowed.type_url is None or allowed.fits(allowed.type_url)
    assert allowed.fits(type_url) or allowed.type_url not in {None, type_url}
