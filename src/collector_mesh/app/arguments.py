"""What a user gives for the arguments of a call: of a type that can be meant, or a `TypeError` that names it.

What is of the right type and malformed is an `InvalidCallError`, the reply of which has the code 400.
"""

from math import inf
from typing import Literal

from collector_mesh.domain.model.errors import InvalidCallError, MeshError, kind_of, quoted, text_of
from collector_mesh.domain.model.limits import check_idempotency_key
from collector_mesh.domain.model.names import MethodKey, check_name, text_argument
from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES, Payload, payload_of


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


def peers_argument(
    peers: object, methods: object
) -> tuple[int | Literal["all"] | tuple[str, ...], tuple[MethodKey, ...]]:
    """Which peers and methods are to be waited for; all configured peers where neither is said.

    Raises:
        TypeError: they are of another type.
        InvalidCallError: one of the names is malformed, or the number negative.
    """
    keys = tuple(map(_key_of, several("methods", methods)))
    if peers is None:
        return (0 if keys else "all"), keys
    if peers == "all":
        return "all", keys
    if type(peers) is int:
        if peers < 0:
            raise InvalidCallError(f"peers must be at least 0, got {peers}")
        return peers, keys
    if isinstance(peers, bool | str | float):
        raise TypeError(f"peers must be a number, several ids, or 'all', got {kind_of(peers)}")
    ids = texts_argument("peers", peers)
    for peer_id in ids:
        check_name("peer", peer_id)
    return ids, keys


def texts_argument(name: str, values: object) -> tuple[str, ...]:
    """Several texts, or none.

    Raises:
        TypeError: it is a text itself, cannot be walked through, or has something else in it.
    """
    return tuple(text_argument(f"each of {name}", value) for value in several(name, values))


def names_argument(name: str, values: object) -> tuple[str, ...]:
    """Several texts, one at least.

    Raises:
        TypeError: as for `texts_argument`.
        InvalidCallError: there are none.
    """
    texts = texts_argument(name, values)
    if not texts:
        raise InvalidCallError(f"{name} must have at least one; leave it out for all")
    return texts


def several(name: str, values: object) -> tuple[object, ...]:
    """What an argument of several things has; a single text, which is several texts too, is a mistake.

    Raises:
        TypeError: it is a text, or cannot be walked through.
    """
    if isinstance(values, str | bytes):
        raise TypeError(f"{name} must be several, as in a list, got one: {values!r}")
    try:
        return tuple(values)  # type: ignore[arg-type]  # what cannot be iterated raises
    except TypeError as error:
        raise TypeError(f"{name} must be several, as in a list, got {kind_of(values)}") from error


def _key_of(method: object) -> MethodKey:
    """The names of a method, given as a text or as three."""
    if isinstance(method, str):
        names: tuple[object, ...] = tuple(text_argument("methods", method).split("/"))
        if len(names) == 2:
            # As the mesh itself writes them.
            service, dot, name = str(names[1]).rpartition(".")
            names = (names[0], service, name) if dot else names
    elif isinstance(method, tuple | list):
        names = tuple(method)
    else:
        raise TypeError(f"methods must be texts or tuples, got {kind_of(method)}")
    if len(names) != 3:
        raise InvalidCallError(f"methods must be NAMESPACE/SERVICE/METHOD, got {quoted(str(method))}")
    key = key_argument(*names)
    key.check()
    return key


def payload_argument(request: object, most: int = MAX_PAYLOAD_BYTES) -> Payload:
    """The payload for a request.

    Raises:
        TypeError: it is no protobuf message, no plain data, no sound payload, and not None.
        InvalidCallError: it is a message that cannot be serialized, or plain data that holds what cannot travel.
        PayloadTooLargeError: it is plain data that takes more than `most` bytes.
    """
    try:
        return payload_of(request, most)
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


def idempotency_key_argument(value: object) -> str:
    """An idempotency key, empty where there is none.

    Raises:
        InvalidCallError: it is no such; the text says what is allowed, and not what it is.
        TypeError: it is no text.
    """
    if value is None:
        return ""
    if not issubclass(type(value), str):
        raise TypeError(f"key must be a str or None, got {kind_of(value)}")
    text = text_argument("key", value)
    check_idempotency_key(text)
    return text


def flag_argument(name: str, value: object) -> bool:
    """A flag: any text would be as good as True.

    Raises:
        TypeError: it is neither True nor False.
    """
    if value is True or value is False:
        return value
    raise TypeError(f"{name} must be True or False, got {kind_of(value)}")
