"""What a collector is told to do, to and from `collector_mesh.control.v1`."""

from collections.abc import Iterable, Iterator

from collector_mesh.adapters.wire.generated import control_pb2 as pb
from collector_mesh.domain.model.errors import clipped
from collector_mesh.domain.model.reloaded import Reloaded, ReloadReport
from collector_mesh.domain.model.texts import visible

_MOST = 1_000
"""Texts of one kind; there can be as many problems as there are lines in a file."""


def encode_reload_request() -> bytes:
    """A ReloadRequest."""
    return pb.ReloadRequest().SerializeToString()


def encode_reloaded(report: ReloadReport) -> bytes:
    """A ReloadResponse."""
    reloaded = report.reloaded
    return pb.ReloadResponse(
        problems=_cut(report.problems),
        warnings=_cut(report.warnings),
        changed=_cut(reloaded.changed),
        needs_restart=_cut(reloaded.needs_restart),
        dismissed=_cut(reloaded.dismissed),
    ).SerializeToString()


def decode_reloaded(data: bytes) -> ReloadReport:
    """Read a ReloadResponse.

    Raises:
        DecodeError, UnicodeDecodeError: the bytes are no such message; see `UNREADABLE`.
    """
    response = pb.ReloadResponse.FromString(data)
    changed, needs_restart = _shown(response.changed), _shown(response.needs_restart)
    reloaded = Reloaded(changed, needs_restart, _shown(response.dismissed))
    return ReloadReport(reloaded, _shown(response.problems), _shown(response.warnings))


def _cut(texts: tuple[str, ...]) -> Iterator[str]:
    yield from map(clipped, texts[:_MOST])
    if len(texts) > _MOST:
        yield f"and {len(texts) - _MOST} more"


def _shown(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(visible, texts))
