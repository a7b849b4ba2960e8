"""Messages whose types are known by their descriptors, and what may come of descriptors of others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from collector_mesh.adapters.wire.described.shapes import ShapeError
from collector_mesh.domain.model.texts import visible


class DescriptorError(ValueError):
    """Descriptors that cannot be used; the text names what is wrong with them."""


@contextmanager
def usable(what: Descriptor | ServiceDescriptor | MethodDescriptor | EnumDescriptor) -> Iterator[None]:
    """Whatever comes of a descriptor of others becomes one error: a field may be called like a method of messages.

    Raises:
        DescriptorError: in the place of what else the block raises, but for errors of values.
    """
    try:
        yield
    except ShapeError:
        raise
    except Exception as error:
        if isinstance(error, DescriptorError):
            raise
        raise DescriptorError(f"{_shown(what)} cannot be used here: {type(error).__name__}") from error


def _shown(what: object) -> str:
    try:
        return visible(str(getattr(what, "full_name", getattr(what, "name", ""))))
    except Exception:  # noqa: BLE001  # a name that is no text
        return "a type"


def new_message(kind: Descriptor) -> Message:
    """An empty message."""
    return message_factory.GetMessageClass(kind)()


def type_of(message: Message) -> Descriptor:
    """The type of a message."""
    # Each runtime of protobuf has a class of its own for it.
    return cast("Descriptor", message.DESCRIPTOR)
