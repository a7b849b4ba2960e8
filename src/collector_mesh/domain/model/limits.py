"""How large each part of a call may be (WIRE §1), and what becomes of one that is larger."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted
from collector_mesh.domain.model.names import NAME, check_name

if TYPE_CHECKING:
    from collector_mesh.domain.model.call import Call

MAX_ID_BYTES = 128
"""Of a collector id or a namespace."""

MAX_LABELS = 32
"""Most labels of a collector, or of what is registered."""

MAX_LABEL_CHARACTERS = 256
"""Of the text of a label."""

MAX_WEIGHT = 10_000
"""Largest share of calls beside others that a collector may ask for."""

MAX_TYPE_URL_BYTES = 1024
"""Of the type URL of a payload."""

MAX_HINTS_BYTES = 4096
"""Of routing hints, keys and values."""

MAX_KEY_CHARACTERS = 128
"""Of an idempotency key."""

MAX_METADATA_BYTES = 8192
"""Of metadata, keys and values: what fits into the headers of a request.

gRPC refuses more than its limit at random up to twice as much, and always beyond (grpc#32600).
"""

MAX_DETAILS_BYTES = 64 << 10
"""Of the details of a status, keys and values."""

MAX_ENTRIES = 1024
"""Most hints, pairs of metadata or details: what costs time is their number."""

MAX_VISITED = 16
"""Most ids of those who have passed a call on."""

DETAILS_CUT = "details-cut"
"""The detail that says that others were left out or cut."""

_BYTES_OF_A_CHARACTER = 4
"""At most, in UTF-8."""

SHORT_TYPE_URL = MAX_TYPE_URL_BYTES // _BYTES_OF_A_CHARACTER
"""Characters of a type URL that is not too long, whatever they are."""

_REMARK_BYTES = 256


def fitting_labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels of a peer that keep to the rules for one's own, `MAX_LABELS` at most."""
    if len(labels) <= MAX_LABELS and all(map(_is_label, labels.items())):
        return labels
    return dict(islice(filter(_is_label, labels.items()), MAX_LABELS))


def check_labels(value: object) -> None:
    """See that labels may be told to others.

    Raises:
        InvalidCallError: there are too many, or one is malformed.
        TypeError: they are no texts.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"labels must be a mapping of str to str, got {kind_of(value)}")
    if len(value) > MAX_LABELS:
        raise InvalidCallError(f"labels must be at most {MAX_LABELS}, got {len(value)}")
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"labels must be texts, got {name!r}: {text!r}")
        check_name("label", name)
        if len(text) > MAX_LABEL_CHARACTERS or not text.isprintable():
            raise InvalidCallError(
                f"label {name} must have at most {MAX_LABEL_CHARACTERS} printable characters, got {quoted(text)}"
            )


def _is_label(label: tuple[str, str]) -> bool:
    name, text = label
    return bool(NAME.fullmatch(name)) and len(text) <= MAX_LABEL_CHARACTERS and text.isprintable()


def bytes_of(text: str) -> int:
    """How long a text is in UTF-8.

    Raises:
        InvalidCallError: it is not valid Unicode.
    """
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise InvalidCallError(f"a text must be valid Unicode, got {quoted(text)}") from None


def bytes_of_pairs(pairs: Iterable[tuple[str, str | bytes]]) -> int:
    """How long keys and values are together."""
    return sum(
        bytes_of(key) + (len(value) if isinstance(value, bytes) else bytes_of(value)) for key, value in pairs
    )


def is_long(type_url: str) -> bool:
    """Whether a type URL is longer than it may be."""
    return len(type_url) > SHORT_TYPE_URL and (
        len(type_url) > MAX_TYPE_URL_BYTES or bytes_of(type_url) > MAX_TYPE_URL_BYTES
    )


def long_type_url(type_url: str) -> InvalidCallError:
    """The error for a type URL that is longer than it may be."""
    if type_url.isascii() or len(type_url) <= MAX_TYPE_URL_BYTES:
        return too_long("type URL", bytes_of(type_url), MAX_TYPE_URL_BYTES)
    # Every call of a frame may have the same one, of hundreds of kilobytes: it is not measured for each.
    text = f"type URL has more than {len(type_url)} bytes, at most {MAX_TYPE_URL_BYTES} are allowed"
    return InvalidCallError(text)


def check_sizes(call: "Call") -> None:
    """See that no part of a call but its payload is larger than it may be; names are checked by their form.

    Raises:
        InvalidCallError: one is; the text names it, its size and what is allowed.
    """
    if is_long(call.payload.type_url):
        raise long_type_url(call.payload.type_url)
    if call.hints:
        _check_pairs("hints", call.hints.items(), len(call.hints), MAX_HINTS_BYTES)
    if call.metadata:
        _check_pairs("metadata", call.metadata, len(call.metadata), MAX_METADATA_BYTES)
    if call.target:
        check_name("target_collector_id", call.target)
    if call.idempotency_key:
        check_idempotency_key(call.idempotency_key)
    if len(call.visited) > MAX_VISITED:
        raise InvalidCallError(f"visited has {len(call.visited)} ids, at most {MAX_VISITED} are allowed")
    for passer in call.visited:
        if len(passer) > MAX_ID_BYTES:
            raise too_long("visited", bytes_of(passer), MAX_ID_BYTES)


def check_idempotency_key(key: str) -> None:
    """See that an idempotency key is one.

    Raises:
        InvalidCallError: it is none; the text says what is allowed. What it is stays untold: it may be a secret.
    """
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise InvalidCallError(
            f"idempotency key must be 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
        )


def _check_pairs(field: str, pairs: Iterable[tuple[str, str | bytes]], count: int, most: int) -> None:
    if count > MAX_ENTRIES:
        raise InvalidCallError(f"{field} has {count} entries, at most {MAX_ENTRIES} are allowed")
    size = bytes_of_pairs(pairs)
    if size > most:
        raise too_long(field, size, most)


def too_long(field: str, size: int, most: int) -> InvalidCallError:
    """The error for a part of a call that is too large."""
    return InvalidCallError(f"{field} has {size} bytes, at most {most} are allowed")


def fitting_details(details: Mapping[str, str]) -> Mapping[str, str]:
    """Details as they may travel: those that are too many or too long are left out, with a remark under `DETAILS_CUT`."""
    if not details:
        return details
    size = bytes_of_pairs(details.items())
    if size <= MAX_DETAILS_BYTES and len(details) <= MAX_ENTRIES:
        return details
    kept: dict[str, str] = {}
    room = MAX_DETAILS_BYTES - _REMARK_BYTES
    for key, value in details.items():
        cost = bytes_of(key) + bytes_of(value)
        if cost <= room and len(kept) < MAX_ENTRIES - 1 and key != DETAILS_CUT:
            kept[key] = value
            room -= cost
    kept[DETAILS_CUT] = (
        f"{len(details) - len(kept)} of {len(details)} details, which have {size} bytes, are left out:"
        f" at most {MAX_DETAILS_BYTES} bytes and {MAX_ENTRIES} details are allowed"
    )
    return kept
