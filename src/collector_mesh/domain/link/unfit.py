"""What becomes of a call or a reply that cannot be put into a frame: it is refused, and no other one suffers."""

from collector_mesh.domain.model.errors import (
    Executed,
    HandlerError,
    InvalidCallError,
    MeshError,
    clipped,
    is_unicode,
    quoted,
    text_of,
)
from collector_mesh.domain.model.limits import MAX_ID_BYTES
from collector_mesh.domain.model.status import Reply

_MAX_CODE = (1 << 31) - 1


def check_bytes(value: object) -> None:
    """See that a payload is bytes.

    Raises:
        InvalidCallError: it is something else.
    """
    if not isinstance(value, bytes):
        raise InvalidCallError(f"a payload must be bytes, got {type(value).__name__}")


def check_reply(reply: Reply) -> None:
    """See that the numbers of a reply can be told.

    Raises:
        InvalidCallError: one cannot.
    """
    code = reply.status.code
    if not isinstance(code, int) or not 0 <= code <= _MAX_CODE or not isinstance(reply.executed, Executed):
        raise InvalidCallError(f"code is {quoted(str(code))}, executed is {quoted(str(reply.executed))}")


def unfit(error: Exception) -> MeshError:
    """Why a call is not sent."""
    return error if isinstance(error, MeshError) else InvalidCallError(f"it cannot be sent: {text_of(error)}")


def unfit_reply(reply: Reply, error: Exception) -> Reply:
    """What is sent in place of a reply: whether a handler ran stays what it was."""
    by, executed = reply.handled_by, reply.executed
    by = clipped(by, MAX_ID_BYTES) if isinstance(by, str) and is_unicode(by) else ""
    executed = executed if isinstance(executed, Executed) else Executed.MAYBE
    text = f"handler error: cannot send the result: {text_of(error)}"
    return Reply.refused(HandlerError(text, executed=executed, handled_by=by))
