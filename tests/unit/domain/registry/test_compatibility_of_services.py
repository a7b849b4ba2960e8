"""Services that are registered without a file."""

from collector_mesh.domain.registry.compatibility import differences
from collector_mesh.domain.registry.schema import File, Method, Schema, Service


def test_a_difference_of_a_service_without_a_file_names_no_file() -> None:
    old = Schema((File("", services=(Service("S", (Method("M", "", ""),)),)),))
    (found,) = differences(old, Schema((File("", services=(Service("S"),)),)))
    assert str(found) == "the method 'M' of 'S' was removed"
