"""What a file of protobuf takes for granted, by its syntax or edition, and what it says to the contrary."""

from collections.abc import Mapping

import attrs
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.registry.schema import Syntax

FIRST_EDITION = 1000
"""2023: what later ones say otherwise is about names and generated code."""

EDITIONS: Mapping[int, str] = {FIRST_EDITION: "2023", 1001: "2024"}
"""The editions that are known, by the numbers that protobuf gives them."""

_Element = FileDescriptorProto | DescriptorProto | FieldDescriptorProto | EnumDescriptorProto


@attrs.frozen
class Features:
    """What holds for one element of a file, as numbers of protobuf's `FeatureSet`.

    Attributes:
        presence: whether a single field can be absent.
        enum_type: whether an enum takes values that it does not know.
        encoding: how messages in messages are written.
        json: whether there is a form in JSON for sure.
    """

    presence: int
    enum_type: int
    encoding: int
    json: int

    def inside(self, element: _Element, *, can_differ: bool) -> "Features":
        """What holds for an element in another one, with what it says of its own.

        Args:
            element: the one inside.
            can_differ: whether the file is one of editions, as others have no features.

        Raises:
            InvalidCallError: it is none, and the element has features.
        """
        if not element.HasField("options") or not element.options.HasField("features"):
            return self
        if not can_differ:
            raise InvalidCallError(f"{quoted(element.name)} has features, which only a file of editions has")
        features = element.options.features
        return Features(
            features.field_presence or self.presence,
            features.enum_type or self.enum_type,
            features.message_encoding or self.encoding,
            features.json_format or self.json,
        )


_PREFIXED = FeatureSet.LENGTH_PREFIXED
_PROTO2 = Features(FeatureSet.EXPLICIT, FeatureSet.CLOSED, _PREFIXED, FeatureSet.LEGACY_BEST_EFFORT)
_PROTO3 = Features(FeatureSet.IMPLICIT, FeatureSet.OPEN, _PREFIXED, FeatureSet.ALLOW)
OF_EDITIONS = Features(FeatureSet.EXPLICIT, FeatureSet.OPEN, _PREFIXED, FeatureSet.ALLOW)
"""What files of all known editions take for granted."""


def syntax_of(proto: FileDescriptorProto) -> tuple[Syntax, Features]:
    """How a file is written, and what it takes for granted.

    Raises:
        InvalidCallError: in a way that is not known.
    """
    if proto.syntax == "editions":
        if proto.edition not in EDITIONS:
            raise InvalidCallError(
                f"the file {quoted(proto.name)} has the edition {proto.edition}, "
                f"known are {' and '.join(f'{number} ({year})' for number, year in EDITIONS.items())}"
            )
        return "editions", OF_EDITIONS.inside(proto, can_differ=True)
    if proto.syntax not in {"", "proto2", "proto3"}:
        raise InvalidCallError(
            f"the file {quoted(proto.name)} has the syntax {quoted(proto.syntax)}, "
            "it must be proto2, proto3 or editions"
        )
    if proto.HasField("edition"):
        raise InvalidCallError(f"the file {quoted(proto.name)} has an edition, and is not one of editions")
    syntax: Syntax = "proto3" if proto.syntax == "proto3" else "proto2"
    return syntax, (_PROTO3 if syntax == "proto3" else _PROTO2).inside(proto, can_differ=False)
