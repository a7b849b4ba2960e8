"""What it means that a validator has raised (WIRE §3)."""

from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    MeshError,
    NotFoundError,
    UnavailableError,
    attribute_of,
    is_a,
    quoted,
    text_of,
)
from collector_mesh.domain.model.status import chosen_status

_CANNOT_DECIDE = frozenset({UnavailableError.code, DeadlineExceededError.code})


def refusal_of(error: BaseException, collector_id: str) -> MeshError:
    """The answer to a call whose validator has raised: a refusal, or that it cannot decide.

    What is away, or ran out of time, cannot decide: another collector may. Everything else refuses, and is final. Both
    name the collector.
    """
    status = chosen_status(error)
    cannot = _is_away(error) if status is None else status.code in _CANNOT_DECIDE
    where = f"{text_of(error)} (collector {quoted(collector_id)})"
    if cannot:
        return UnavailableError(f"cannot validate: {where}")
    return NotFoundError(f"service not registered in registry: {where}")


def is_final(refusal: MeshError) -> bool:
    """Whether a refusal is one: whoever cannot decide leaves the call to others."""
    return isinstance(refusal, NotFoundError)


def _is_away(error: BaseException) -> bool:
    """Whether something that the validator needs is not there: its registry, its file, its time."""
    # One that the system has not raised is how a validator says no.
    is_own = is_a(error, PermissionError) and attribute_of(error, "errno") is None
    return is_a(error, OSError) and not is_own


def out_of_time(collector_id: str) -> MeshError:
    """The answer to a call whose time was up before its validator had answered."""
    return UnavailableError(f"cannot validate: it ran out of time (collector {quoted(collector_id)})")
