"""The types that requests and results may be annotated with, and how values of each travel.

`FORMS` is the table: whoever adds a type adds a line there, and handlers may name it in both places.
"""

import sys
import typing
from collections.abc import Callable
from typing import Any

import attrs

from collector_mesh.app.services.hints import is_union, says_nothing, shown_hint
from collector_mesh.domain.model.errors import InvalidCallError, is_a, kind_of, quoted
from collector_mesh.domain.model.payload import (
    EMPTY,
    TYPE_PREFIX,
    Message,
    Payload,
    is_message,
    payload_of,
    plain_reader,
    reader_of,
    takes_plain,
    writer_of,
)
from collector_mesh.domain.model.shapes import MismatchError, plain_hint, shape_of

Read = Callable[[Payload], Any]
Write = Callable[[Any, int], Payload]
"""Takes how many bytes there may be, too: what is written bit by bit is written no further."""

_EMPTY_NAME = EMPTY.type_url.removeprefix(TYPE_PREFIX)


def _no_type(_url: str) -> bool:
    return False


@attrs.frozen
class Form:
    """How values of one type travel.

    Attributes:
        name: the type, as errors name it.
        fits: whether a value is of the type.
        write: turns such a value into a payload, or raises InvalidCallError or TypeError.
        read: turns a payload into a value, or raises InvalidCallError; None where the type does not say into which.
        takes: whether payloads of a type URL are for `read`; asked where an annotation names several types.
    """

    name: str
    fits: Callable[[object], bool]
    write: Write
    read: Read | None = None
    takes: Callable[[str], bool] = _no_type


@attrs.frozen
class Result:
    """What is made of what a handler gives.

    Attributes:
        write: turns it into a payload, or raises InvalidCallError or TypeError; the text names both types.
        may_be_payload: whether a `Payload` goes as it is, without being written.
    """

    write: Write
    may_be_payload: bool


def form_of(hint: Any) -> Form | None:
    """The form of an annotated type, None where there is none."""
    hint = plain_hint(hint)
    return next((form for make in FORMS if (form := make(hint)) is not None), None)


def is_request(hint: Any) -> bool:
    """Whether an annotation names a type of requests."""
    form = None if says_nothing(hint) else form_of(hint)
    return form is not None and form.read is not None


def reader_for(hint: Any) -> Read | None:
    """What reads requests of an annotated type; None gives the payload itself.

    Raises:
        TypeError: requests cannot be of that type.
    """
    if says_nothing(hint) or plain_hint(hint) is Payload:
        return None
    form = form_of(hint)
    if form is None or form.read is None:
        raise TypeError(f"{shown_hint(hint)}, which is no type of requests")
    return form.read


def result_for(hint: Any) -> Result:
    """What writes results of an annotated type.

    Raises:
        TypeError: results cannot be of that type.
    """
    if says_nothing(hint):
        return Result(payload_of, may_be_payload=True)
    form = form_of(hint)
    if form is None:
        raise TypeError(f"{shown_hint(hint)}, which is no type of results")
    fits, write, name = form.fits, form.write, form.name

    def checked(value: object, most: int) -> Payload:
        if not fits(value):
            got = "None" if value is None else kind_of(value)
            raise TypeError(f"the handler is annotated to return {name}, and has returned {got}")
        return write(value, most)

    return Result(checked, may_be_payload=fits(EMPTY))


def class_of(hint: Any) -> type | None:
    """The class of messages that an annotation names, `NoneType` if it names nothing, None for anything else."""
    if says_nothing(hint):
        return None
    hint = plain_hint(hint)
    if hint is None or hint is type(None):
        return type(None)
    return hint if is_a(hint, type) and is_message(hint) else None


# ---- the table ---------------------------------------------------------------------------------------


def _nothing(hint: Any) -> Form | None:
    if (
        hint is not None
        and hint is not type(None)
        and hint is not typing.NoReturn
        and hint is not typing.Never
    ):
        return None

    def takes(url: str) -> bool:
        return not url or url.rpartition("/")[2] == _EMPTY_NAME

    def read(payload: Payload) -> None:
        if not takes(payload.type_url):
            raise InvalidCallError(f"payload is a {quoted(payload.type_url)}, expected none")

    return Form("None", lambda value: value is None, lambda _value, _most: EMPTY, read, takes)


def _raw(hint: Any) -> Form | None:
    if hint is not Payload:
        return None
    return Form("Payload", lambda value: is_a(value, Payload), payload_of, lambda raw: raw, lambda _url: True)


def _of_messages(hint: Any) -> Form | None:
    """A class of protobuf messages."""
    if not (is_a(hint, type) and is_message(hint)):
        return None
    full_name: str = hint.DESCRIPTOR.full_name

    def fits(value: Any) -> bool:
        # A class of the same message that was made elsewhere is as good.
        return type(value) is hint or (_is_instance(value) and value.DESCRIPTOR.full_name == full_name)

    def takes(url: str) -> bool:
        return url.rpartition("/")[2] == full_name or (not url and full_name == _EMPTY_NAME)

    return Form(hint.__qualname__, fits, writer_of(hint), reader_of(hint), takes)


def _of_any_message(hint: Any) -> Form | None:
    """What all classes of messages have in common; it does not say what a request is to be read as."""
    # Not imported: whoever names it has done that.
    base = getattr(sys.modules.get("google.protobuf.message"), "Message", Message)
    if hint is not Message and hint is not base:
        return None
    return Form("Message", _is_instance, payload_of)


def _plain_data(hint: Any) -> Form | None:
    """What JSON has, and unions of that."""
    shape = shape_of(hint)
    if shape is None:
        return None

    def write(value: object, most: int) -> Payload:
        try:
            return payload_of(shape.checked(value), most)
        except MismatchError as error:
            raise TypeError(f"the handler is annotated to return {shape.name}: {error}") from None

    return Form(
        shape.name, shape.fits, write, plain_reader(shape), lambda type_url: takes_plain(shape, type_url)
    )


def _with_plain_as_one(hints: tuple[Any, ...]) -> list[Any]:
    """The types of a union, those of plain data as one: a payload tells that it is a value, but not of which of them."""
    found: list[Any] = []
    plain: list[Any] = []
    for hint in hints:
        if shape_of(hint) is None:
            found.append(hint)
            continue
        if not plain:
            found.append(None)
            place = len(found) - 1
        plain.append(hint)
        found[place] = typing.Union[tuple(plain)]  # noqa: UP007  # of as many as there are
    return found


def _one_of_several(hint: Any) -> Form | None:
    if not is_union(hint):
        return None
    found = [form_of(argument) for argument in _with_plain_as_one(typing.get_args(hint))]
    forms = [form for form in found if form is not None]
    if len(forms) < len(found):
        return None
    readers = [(form.takes, form.read) for form in forms if form.read is not None]
    name = " | ".join(form.name for form in forms)

    def read(payload: Payload) -> Any:
        for takes, read_one in readers:
            if takes(payload.type_url):
                return read_one(payload)
        found = f"is a {quoted(payload.type_url)}" if payload.type_url else "is missing"
        raise InvalidCallError(f"payload {found}, expected {name}")

    def write(value: object, most: int) -> Payload:
        return next(form for form in forms if form.fits(value)).write(value, most)

    return Form(
        name,
        lambda value: any(form.fits(value) for form in forms),
        write,
        read if len(readers) == len(forms) else None,
        lambda url: any(form.takes(url) for form in forms),
    )


FORMS: tuple[Callable[[Any], Form | None], ...] = (
    _nothing,
    _raw,
    _of_messages,
    _of_any_message,
    _plain_data,
    _one_of_several,
)
"""Each makes the form of the annotations that it knows; the first that knows one counts. In an annotation that names several
types, a payload goes to the first one that takes it."""


def _is_instance(value: object) -> bool:
    return not is_a(value, type) and is_message(value)
