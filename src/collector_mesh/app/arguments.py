"""What a user gives for the arguments of a call: of a type that can be meant, or a `TypeError` that names it.

What is of the right type and malformed is an `InvalidCallError`, the reply of which has the code 400.
"""

from math import inf

from collector_mesh.domain.model.errors import InvalidCallError, MeshError, kind_of, text_of
from collector_mesh.domain.model.names import MethodKey, text_argument
from collector_mesh.domain.model.payload import Payload, payload_of


def key_argument(namespace: object, service: object, method: object) -> MethodKey:
    """The names of a method, as plain texts; they may be malformed still.

    Raises:
        TypeError: one of them is no text.
    """
    if type(namespace) is str and type(service) is str and type(method) is str:
        return MethodKey(namespace, service, method)
    return MethodKey(
        text_argument("namespace", namespace),
        text_argument("service", service),
        text_argument("method", method),
    )


def payload_argument(request: object) -> Payload:
    """The payload for a request.

    Raises:
        TypeError: it is no protobuf message, no sound payload, and not None.
        InvalidCallError: it is a message that cannot be serialized.
    """
    try:
        return payload_of(request)
    except MeshError:
        raise
    except Exception as error:
        # What is no message may do anything when it is looked at.
        raise TypeError(f"request: {text_of(error)}") from error


def seconds_argument(name: str, value: object) -> float:
    """A number of seconds, `math.inf` included.

    Raises:
        TypeError: it is no number; True and False are none, nor are decimals and durations.
        InvalidCallError: it is negative, or not a number.
    """
    kind = type(value)
    if kind is bool or not issubclass(kind, int | float):
        raise TypeError(f"{name} must be a number of seconds, got {kind_of(value)}")
    try:
        # Not by what a subclass makes of itself.
        seconds = (float if issubclass(kind, float) else int).__add__(value, 0)  # type: ignore[operator]  # just looked
        seconds = float(seconds)
    except OverflowError:
        seconds = inf if seconds > 0 else -inf
    if not seconds >= 0:
        raise InvalidCallError(f"{name} must be at least 0 seconds, got {seconds!r}")
    return seconds


def idempotent_argument(value: object) -> bool | None:
    """Whether a call may run twice, None where its caller does not say.

    Raises:
        TypeError: it is something else.
    """
    if value is None or value is True or value is False:
        return value
    raise TypeError(f"idempotent must be True, False or None, got {kind_of(value)}")
