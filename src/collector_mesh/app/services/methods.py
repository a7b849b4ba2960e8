"""Callables made into methods of the mesh."""

from collections.abc import Callable
from typing import Any

from collector_mesh.app.arguments import flag_argument
from collector_mesh.app.outside import outside
from collector_mesh.app.services.annotations import class_of, reader_for, result_for
from collector_mesh.app.services.callables import (
    ALLOWED,
    check_has_self,
    innermost,
    is_async,
    is_generator,
)
from collector_mesh.app.services.hints import awaited
from collector_mesh.app.services.roles import signature_of
from collector_mesh.domain.model.errors import is_a, kind_of
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.serving.handlers import Method


def method_from(key: MethodKey, function: Callable[..., Any], *, idempotent: bool) -> Method:
    """Make a callable into a method.

    Raises:
        TypeError: it is not of the form that `Service.method` tells, or the flag is none.
    """
    what = f"handler of {key}"
    if not callable(function):
        raise TypeError(f"{what} is not callable: {kind_of(function)}")
    flag_argument("idempotent", idempotent)
    where = outside()
    check_has_self(what, function, where)
    if is_generator(function):
        raise TypeError(f"{what} is a generator; streaming methods are not supported yet")
    signature = signature_of(what, function, where)
    inner = innermost(function)
    # What a class gives is an instance of it.
    gives = inner if is_a(inner, type) else awaited(signature.result)
    try:
        result = result_for(gives)
    except TypeError as error:
        if is_a(inner, type):
            raise TypeError(f"{what} is {kind_of(inner)}: an instance of it is needed") from error
        raise TypeError(f"{what}: the return is annotated with {error}") from error
    try:
        read = reader_for(signature.request) if signature.takes else None
    except TypeError as error:
        raise TypeError(f"{what}: {signature.takes} is annotated with {error}: {ALLOWED}") from error
    return Method(
        key,
        signature.call,
        blocking=not is_async(function),
        read=read,
        write=result.write,
        may_be_payload=result.may_be_payload,
        idempotent=idempotent,
        takes=class_of(signature.request) if signature.takes else type(None),
        gives=class_of(gives),
    )
