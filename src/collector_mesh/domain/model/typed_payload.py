"""Payloads for what takes messages of one type."""

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.payload import EMPTY, TYPE_PREFIX, WHATEVER_FITS, Payload

_EMPTY_NAME = EMPTY.type_url.removeprefix(TYPE_PREFIX)


def value_of(payload: Payload, expected: str | None) -> bytes:
    """The bytes of a payload that is of a type, or of one that nobody has named; any is, where none is expected.

    Args:
        payload: the payload.
        expected: the full name of the message.

    Raises:
        InvalidCallError: it is of another type; the text names both.
    """
    url = payload.type_url
    if expected is not None and url != WHATEVER_FITS:
        name = url.rpartition("/")[2]
        if name != expected and (url or expected != _EMPTY_NAME):
            found = f"is a {quoted(url)}" if url else "is missing"
            raise InvalidCallError(f"payload {found}, expected {TYPE_PREFIX + expected!r}")
    return payload.value
