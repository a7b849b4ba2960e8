"""The names of the mesh, and what they may look like."""

import re
from typing import NamedTuple

from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted

NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""What a collector id and a namespace match, whole."""

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a name in protobuf matches, whole."""

IDENTIFIERS = re.compile(rf"{IDENTIFIER.pattern}(\.{IDENTIFIER.pattern})*")
"""What a service and a method match, whole: identifiers, joined by dots."""

OWN_PACKAGE = "collector_mesh."
"""How the names of services begin that are the mesh's own: collectors call them, and no program outside the mesh."""

MAX_IDENTIFIERS = 256
"""Longest service or method name, in characters."""


def text_argument(name: str, value: object) -> str:
    """What a user gives for a text, as a plain one: that of a subclass may hash and compare as it likes.

    Raises:
        TypeError: it is no text; the error names it.
    """
    if type(value) is str:
        return value
    # Not `isinstance`, which believes what an object says of its class.
    if issubclass(type(value), str):
        return str.__str__(value)
    raise TypeError(f"{name} must be a str, got {kind_of(value)}")


def check_name(field: str, value: str) -> None:
    """Check a collector id or a namespace.

    Raises:
        InvalidCallError: it is empty or does not match `NAME`.
        TypeError: it is no text.
    """
    text_argument(field, value)
    if not NAME.fullmatch(value):
        raise _malformed(field, value, NAME.pattern)


def check_identifiers(field: str, value: str) -> None:
    """Check the name of a service or a method.

    Raises:
        InvalidCallError: it is empty, too long, or not identifiers joined by dots.
        TypeError: it is no text.
    """
    text_argument(field, value)
    if len(value) > MAX_IDENTIFIERS or not IDENTIFIERS.fullmatch(value):
        raise _malformed(field, value, f"{IDENTIFIERS.pattern} and have at most {MAX_IDENTIFIERS} characters")


def _malformed(field: str, value: str, allowed: str) -> InvalidCallError:
    if not value:
        return InvalidCallError(f"{field} is required")
    return InvalidCallError(f"{field} must match {allowed}, got {quoted(value)}")


class MethodKey(NamedTuple):
    """One method of one service in one namespace: the unit of registration and of routing.

    A tuple, because it is hashed several times a call; whoever looks one up in vain has it checked.
    """

    namespace: str
    service: str
    method: str

    def check(self) -> None:
        """Check the three names, in the order in which the wire contract wants it.

        Raises:
            InvalidCallError: one of them is empty or malformed; the text names the field.
            TypeError: one of them is no text.
        """
        check_name("namespace", self.namespace)
        check_identifiers("service", self.service)
        check_identifiers("method_name", self.method)

    @property
    def short(self) -> str:
        """`Service.Method`, as messages name it that name the namespace too."""
        return f"{self.service}.{self.method}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service}.{self.method}"
