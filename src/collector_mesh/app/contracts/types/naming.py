"""The names of what is made from Python's types, and what protobuf allows as one."""

import re

from collector_mesh.domain.model.names import IDENTIFIER, MAX_IDENTIFIERS

_WORDS = re.compile(r"[A-Z]+(?![a-z0-9])|[A-Z]?[a-z0-9]+|[A-Z]+", re.ASCII)

_OF_PROTOBUF = frozenset({
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
    "sfixed32", "sfixed64", "bool", "string", "bytes", "group", "map", "message", "enum", "oneof",
    "option", "optional", "required", "repeated", "reserved", "extend", "extensions", "import", "package",
    "service", "rpc", "returns", "stream", "syntax", "edition", "public", "weak", "export", "local",
})  # fmt: skip
"""What begins a line of a .proto otherwise: no type may have such a name."""

MAX_NAME = 200
"""Characters of a name; its full name has those of the package, too."""

MAX_FULL_NAME = MAX_IDENTIFIERS + MAX_NAME + len("Request")
"""Characters of the full name of a message or an enum: it is in the package of a service, and may be made of a method's name."""


def flaw_of_name(name: str) -> str:
    """Why something cannot have a name in protobuf; empty if it can."""
    if not IDENTIFIER.fullmatch(name):
        return "is no name in protobuf, which has ASCII letters, digits and underscores"
    return f"is a name of more than {MAX_NAME} characters" if len(name) > MAX_NAME else ""


def flaw_of_type_name(name: str) -> str:
    """Why a message or an enum cannot have a name; empty if it can."""
    if name in _OF_PROTOBUF:
        return "is a word of protobuf's own language"
    return flaw_of_name(name)


def flaw_of_full_name(name: str) -> str:
    """Why a service cannot have a full name; empty if it can."""
    if len(name) > MAX_NAME * 2:
        return f"is a name of more than {MAX_NAME * 2} characters"
    return next((flaw for part in name.split(".") if (flaw := flaw_of_name(part))), "")


def flaw_of_json_name(name: str) -> str:
    """Why a field cannot have a name in JSON; empty if it can."""
    if not name or len(name) > MAX_NAME or name.startswith("[") or not name.isprintable():
        return f"cannot be a name in JSON: 1 to {MAX_NAME} printable characters are allowed, '[' not at the start"
    return ""


def snake(name: str) -> str:
    """A name of a class in small letters: `HTTPRoute` as `http_route`."""
    return "_".join(word.lower() for word in _WORDS.findall(name))


def file_of(full_name: str) -> str:
    """The path of the file of a service: `acme.shop.v1.Shop` as `acme/shop/v1/shop.proto`."""
    package, _, name = full_name.rpartition(".")
    return "/".join([*(package.split(".") if package else ()), f"{snake(name) or name}.proto"])
