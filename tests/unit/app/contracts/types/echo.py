"""A contract of one method, which takes a value of some type and gives one back."""

from typing import Any

from collector_mesh.app.contracts.types.described import DescribedTypes, described
from collector_mesh.app.contracts.types.interface import MethodCodec, MethodTypes, Parameter, ServiceTypes


def described_of(hint: Any, **names: Any) -> DescribedTypes:
    method = MethodTypes("echo", (Parameter("value", hint),), hint)
    return described(ServiceTypes("test.v1.Echo", (method,), names=names))


def codec_of(hint: Any) -> MethodCodec:
    return described_of(hint).codec("echo")


def there_and_back(hint: Any, value: Any) -> Any:
    """A value as the other side reads it."""
    codec = codec_of(hint)
    (found,) = codec.read_request(codec.write_request((value,), {}))
    return found
