"""Payloads for what takes messages of one type."""

from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload, is_type, wrong_type


def value_of(payload: Payload, expected: str | None) -> bytes:
    """The bytes of a payload that is of a type, or of one that nobody has named; any is, where none is expected.

    Args:
        payload: the payload.
        expected: the full name of the message.

    Raises:
        InvalidCallError: it is of another type; the text names both.
    """
    if expected is not None and not is_type(payload.type_url, expected):
        raise wrong_type(payload.type_url, TYPE_PREFIX + expected)
    return payload.value
