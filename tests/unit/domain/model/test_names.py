import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.names import NAME, MethodKey, check_identifiers, check_name


@pytest.mark.parametrize("name", ["a", "users", "eu-west.1_prod", "-", "A" * 128])
def test_names_of_letters_digits_and_some_signs_are_allowed(name: str) -> None:
    check_name("namespace", name)


@pytest.mark.parametrize("name", ["a b", "a/b", "ä", "a\n", "A" * 129, "a:b", "\udcff"])
def test_other_names_are_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(InvalidCallError, match=r"^namespace must match \[A-Za-z0-9\._-\]\{1,128\}, got '"):
        check_name("namespace", name)


@pytest.mark.parametrize("name", ["Echo", "shop.v1.OrderService", "_x1", "a" * 256])
def test_methods_and_services_are_dotted_identifiers(name: str) -> None:
    check_identifiers("service", name)


@pytest.mark.parametrize("name", ["1a", "a.", ".a", "a..b", "a-b", "é", "a" * 257, "a b"])
def test_what_is_no_dotted_identifier_is_refused(name: str) -> None:
    with pytest.raises(InvalidCallError, match=r"^service must match "):
        check_identifiers("service", name)


def test_an_empty_name_is_required() -> None:
    with pytest.raises(InvalidCallError, match=r"^namespace is required$"):
        MethodKey("", "", "").check()


@given(st.text(max_size=2000).filter(lambda name: not NAME.fullmatch(name)))
def test_an_error_about_any_name_is_short_and_can_be_sent(name: str) -> None:
    with pytest.raises(InvalidCallError) as raised:
        check_name("namespace", name)

    assert len(str(raised.value).encode()) <= 1024


def test_a_method_key_shows_as_it_is_written() -> None:
    assert str(MethodKey("users", "UserService", "GetUser")) == "users/UserService.GetUser"
