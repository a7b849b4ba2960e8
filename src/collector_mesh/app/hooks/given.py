"""What a transport of a user's gives in answer: looked at before anybody relies on it."""

from collections.abc import Mapping
from typing import TypeGuard

from collector_mesh.domain.model.errors import Executed, is_a, is_code, is_unicode
from collector_mesh.domain.model.introduction import Welcome
from collector_mesh.domain.model.limits import MAX_ID_BYTES
from collector_mesh.domain.model.payload import Payload, flaw_of
from collector_mesh.domain.model.reply_metadata import checked_reply_metadata
from collector_mesh.domain.model.status import OK, Reply, Status


def is_sound_reply(found: object) -> TypeGuard[Reply]:
    """Whether something is a reply of which each part is of its type; sizes are looked at elsewhere."""
    if not isinstance(found, Reply):
        return False
    try:
        checked_reply_metadata(found.metadata)
        checked_reply_metadata(found.initial_metadata)
        return (
            _is_status(found.status)
            and (found.status.code == OK.code or is_code(found.status.code))
            and is_a(found.payload, Payload)
            and flaw_of(found.payload) is None
            and _is_id(found.handled_by)
            and is_a(found.executed, Executed)
            and is_a(found.metadata, tuple)
            and is_a(found.initial_metadata, tuple)
            and is_a(found.tried, tuple)
            and all(map(_is_id, found.tried))
        )
    except Exception:  # noqa: BLE001  # its parts may be anything
        return False


def is_sound_welcome(found: object) -> TypeGuard[Welcome]:
    """Whether something is the answer to an introduction, of which each part is of its type."""
    if not isinstance(found, Welcome):
        return False
    try:
        texts = (found.connection_id, found.collector_id, *found.shared_namespaces)
        return _is_status(found.status) and all(map(_is_text, texts))
    except Exception:  # noqa: BLE001  # as above
        return False


def _is_status(found: object) -> bool:
    return (
        isinstance(found, Status)
        and is_a(found.code, int)
        and _is_text(found.message)
        and isinstance(found.details, Mapping)
        and all(_is_text(key) and _is_text(value) for key, value in found.details.items())
    )


def _is_text(found: object) -> bool:
    return type(found) is str and is_unicode(found)


def _is_id(found: object) -> bool:
    return type(found) is str and len(found) <= MAX_ID_BYTES and is_unicode(found)
