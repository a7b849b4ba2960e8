"""Kinds of methods: how many messages go in, and how many come out."""

from collections.abc import Mapping
from typing import Final, Literal

from collector_mesh.domain.model.errors import NO_DETAILS, UnimplementedError, quoted
from collector_mesh.domain.model.names import MethodKey

Kind = Literal["unary", "server", "client", "both"]
"""One message in and one out; many out; many in; many both ways."""

UNARY: Final = "unary"
"""The one kind that can be called."""

KINDS: tuple[Kind, ...] = ("unary", "server", "client", "both")
"""Those that this version knows; methods of others are listed as they are told."""

MAX_KIND_BYTES = 64
"""Of the name of a kind that a peer tells; the rest is cut."""


def kind_by(*, takes_many: bool, gives_many: bool) -> Kind:
    """The kind of a method that takes, or gives, many messages."""
    if takes_many:
        return "both" if gives_many else "client"
    return "server" if gives_many else "unary"


def mismatch(key: MethodKey, kind: str, details: Mapping[str, str] = NO_DETAILS) -> UnimplementedError:
    """The error for a call of a method of another kind than the call: it names both."""
    text = f"method {quoted(key.short)} is of the kind {quoted(kind)}, and is called as {quoted(UNARY)}"
    return UnimplementedError(text, details=details)
