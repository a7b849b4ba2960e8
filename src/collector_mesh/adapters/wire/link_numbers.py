"""How many of each thing a frame has: looked at before objects are made of them, which is what costs time."""

from collections.abc import Sized

from collector_mesh.adapters.wire.generated import link_pb2 as pb
from collector_mesh.domain.link.sizes import (
    MAX_ASKED,
    MAX_CANCELS,
    MAX_CATALOG_METHODS,
    MAX_CHUNKS,
    MAX_ENVELOPES,
    MAX_EXTRA_ITEMS,
    MAX_NEW_NAMES,
    MAX_TOLD_LABELS,
    MAX_TOLD_METHODS,
    MAX_TOLD_NAMESPACES,
    MAX_TOLD_PATHS,
    MAX_TOLD_REACH,
)
from collector_mesh.domain.model.limits import MAX_ENTRIES
from collector_mesh.domain.ports.frame_stream import MalformedFrameError


def check_numbers(frame: pb.Frame) -> None:
    """See that a frame does not cost more than it may.

    Raises:
        MalformedFrameError: it does; the text says of what there is too much.
    """
    _check("chunks", len(frame.chunks), MAX_CHUNKS)
    _check("cancels", len(frame.cancel), MAX_CANCELS)
    _check("names", len(frame.methods) + len(frame.texts), MAX_NEW_NAMES)
    calls, replies = len(frame.call_method), len(frame.reply_to)
    _check("calls and replies", calls + replies, MAX_ENVELOPES)
    _check_columns("calls", calls, frame.call_type, frame.call_value, frame.call_remaining, frame.call_mode)
    _check_columns("replies", replies, frame.reply_type, frame.reply_value, frame.reply_executor)
    _check("extras of calls", len(frame.call_extra), calls)
    _check("extras of replies", len(frame.reply_extra), replies)
    items = sum(len(extra.hints) + len(extra.visited) + len(extra.metadata) for extra in frame.call_extra)
    items += sum(
        len(extra.details) + len(extra.tried) + len(extra.metadata) + len(extra.initial_metadata)
        for extra in frame.reply_extra
    )
    _check("hints, metadata, details and ids", items, MAX_EXTRA_ITEMS)
    if frame.HasField("control"):
        _check_control(frame.control)


def _check_control(control: pb.Control) -> None:
    _check_introduction(control.hello.introduction)
    _check_introduction(control.welcome.introduction)
    _check("details", len(control.welcome.details), MAX_ENTRIES)
    _check("shared namespaces", len(control.welcome.shared_namespaces), MAX_TOLD_NAMESPACES)
    _check("calls that are asked for", len(control.asked.numbers), MAX_ASKED)
    _check_catalog(control.catalog)
    change = control.catalog_change
    _check("namespaces", len(change.namespaces) + len(change.removed_namespaces), MAX_TOLD_NAMESPACES)
    _check("methods", len(change.methods) + len(change.removed_methods), MAX_TOLD_METHODS)
    _check("collectors that can be reached", len(control.reach) + len(control.reach_more), MAX_TOLD_REACH)
    reaches = (*control.reach, *control.reach_more)
    _check("methods that can be reached", sum(len(reach.methods) for reach in reaches), MAX_TOLD_METHODS)
    _check("ids on the way", sum(len(reach.path) for reach in reaches), MAX_TOLD_PATHS)


def _check_introduction(who: pb.Introduction) -> None:
    _check("labels", len(who.labels), MAX_TOLD_LABELS)
    _check_catalog(who.catalog)


def _check_catalog(catalog: pb.Catalog) -> None:
    _check("namespaces", len(catalog.namespaces), MAX_TOLD_NAMESPACES)
    _check("methods", len(catalog.methods), MAX_CATALOG_METHODS)


def _check_columns(what: str, count: int, *columns: Sized) -> None:
    if any(len(column) not in (0, count) for column in columns):
        raise MalformedFrameError(f"{what} with columns of different lengths")


def _check(what: str, count: int, most: int) -> None:
    if count > most:
        raise MalformedFrameError(f"a frame with {count} {what}, at most {most} are taken")
