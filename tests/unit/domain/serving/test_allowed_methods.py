import pytest

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.errors import NotFoundError
from collector_mesh.domain.serving.allow_list import AllowedMethods


def test_an_allow_list_allows_methods_services_and_namespaces() -> None:
    allowed = AllowedMethods(["a/shop.Orders.Create", "b/Users.*", "c/*"])

    run(allowed.validate_service_method("a", "shop.Orders", "Create"))
    run(allowed.validate_service_method("b", "Users", "Anything"))
    run(allowed.validate_service_method("c", "Any.Thing", "At"))
    for key in (("a", "shop.Orders", "Delete"), ("b", "Orders", "Create"), ("d", "X", "Y")):
        with pytest.raises(NotFoundError, match="is not on the list"):
            run(allowed.validate_service_method(*key))


@pytest.mark.parametrize(
    "entry", ["", "users", "users/", "users/Get", "/A.b", "users/a b.c", "users/A.b c", "u s/*"]
)
def test_an_entry_of_another_form_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=r"is not NAMESPACE/SERVICE\.METHOD"):
        AllowedMethods([entry])
