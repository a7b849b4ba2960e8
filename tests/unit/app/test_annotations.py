"""What handlers are annotated with holds, or they are refused."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NewType, NoReturn, Optional

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

from collector_mesh import CallContext, Collector, LoopbackNetwork, Payload, Reply, Service
from collector_mesh.domain.model.payload import Message as OurMessage

Text = NewType("Text", StringValue)
TEXT, NUMBER = StringValue(value="x"), Int64Value(value=7)


async def reply_of(handler: Callable[..., Any], sent: Any = TEXT) -> Reply:
    service = Service("n", "S")
    service.add("M", handler)
    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as collector:
        return await collector.dispatch("n", "S", "M", sent)


def giving(result: object, annotation: Any) -> Callable[..., Any]:
    async def handler() -> Any:
        return result

    handler.__annotations__["return"] = annotation
    return handler


def taking(annotation: Any) -> Callable[..., Any]:
    async def handler(request: Any) -> StringValue:
        return StringValue(value=type(request).__name__)

    handler.__annotations__["request"] = annotation
    return handler


@pytest.mark.parametrize(
    ("result", "annotation", "said"),
    [
        (TEXT, Int64Value, "return Int64Value, and has returned StringValue"),
        (TEXT, None, "return None, and has returned StringValue"),
        (None, StringValue, "return StringValue, and has returned None"),
        (TEXT, Payload, "return Payload, and has returned StringValue"),
        (Payload.pack(TEXT), StringValue, "return StringValue, and has returned Payload"),
        (NUMBER, StringValue | None, "return StringValue | None, and has returned Int64Value"),
        (None, Message, "return Message, and has returned None"),
        (StringValue, StringValue, "return StringValue, and has returned the class StringValue"),
        (TEXT, NoReturn, "return None, and has returned StringValue"),
    ],
)
@pytest.mark.asyncio
async def test_a_result_of_another_type_than_annotated_is_an_error_that_names_both(
    result: object, annotation: Any, said: str
) -> None:
    reply = await reply_of(giving(result, annotation))

    assert reply.status.code == 500
    assert (
        reply.status.message == f"handler error: cannot send the result: the handler is annotated to {said}"
    )


@pytest.mark.parametrize(
    ("result", "annotation"),
    [
        (TEXT, StringValue),
        (TEXT, "StringValue"),
        (TEXT, Optional["StringValue"]),
        (None, StringValue | None),
        (NUMBER, StringValue | Int64Value),
        (TEXT, Message),
        (TEXT, OurMessage),
        (TEXT, Any),
        (TEXT, object),
        (TEXT, Annotated[StringValue, "in capitals"]),
        (TEXT, Text),
        (Payload.pack(TEXT), Payload),
        (Payload.pack(TEXT), Payload | None),
        (None, None),
        (TEXT, Coroutine[Any, Any, StringValue]),
        (Empty(), Empty),
    ],
)
@pytest.mark.asyncio
async def test_a_result_of_the_type_that_is_annotated_is_sent(result: object, annotation: Any) -> None:
    reply = await reply_of(giving(result, annotation))

    assert (reply.status.code, reply.status.message) == (200, "OK")


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ("Nowhere", "annotation 'Nowhere' of the return cannot be resolved"),
        ("String Value", "annotation 'String Value' of the return cannot be resolved"),
        (5, "the return is annotated with 5, which is no type of results"),
        ([StringValue], "the return is annotated with .*, which is no type of results"),
        (CallContext, "the return is annotated with CallContext, which is no type of results"),
        (StringValue | CallContext, "which is no type of results"),
    ],
)
def test_a_result_that_is_wrongly_annotated_is_refused_at_once(annotation: Any, said: str) -> None:
    service = Service("n", "S")

    with pytest.raises(TypeError, match=said):
        service.add("M", giving(TEXT, annotation))

    assert service.methods == ()


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ("Nowhere", "annotation 'Nowhere' of request cannot be resolved"),
        (Message, "request is annotated with Message, which is no type of requests"),
        (StringValue | Message, "which is no type of requests"),
        (complex, "request is annotated with complex, which is no type of requests"),
        (StringValue(), "which is no type of requests"),
    ],
)
def test_a_request_that_is_wrongly_annotated_is_refused_at_once(annotation: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Service("n", "S").add("M", taking(annotation))


def test_a_context_is_taken_once_and_is_no_other_type() -> None:
    async def twice(one: CallContext, other: CallContext) -> None: ...
    async def other(request: StringValue, context: Int64Value) -> None: ...
    async def first(context: int, request: StringValue) -> None: ...

    with pytest.raises(TypeError, match="takes the context twice"):
        Service("n", "S").add("M", twice)
    with pytest.raises(
        TypeError, match="context is no context, but annotated with Int64Value, and there is a request"
    ):
        Service("n", "S").add("M", other)
    with pytest.raises(TypeError, match="context is no context, but annotated with int"):
        Service("n", "S").add("M", first)


@pytest.mark.parametrize(
    ("annotation", "sent", "read"),
    [
        (StringValue | None, TEXT, "StringValue"),
        (StringValue | None, None, "NoneType"),
        (StringValue | Int64Value, NUMBER, "Int64Value"),
        (StringValue | Payload, NUMBER, "Payload"),
        (None, None, "NoneType"),
        (Text, TEXT, "StringValue"),
        (object, TEXT, "Payload"),
    ],
)
@pytest.mark.asyncio
async def test_a_request_is_read_as_the_type_that_it_is_of(annotation: Any, sent: Any, read: str) -> None:
    reply = await reply_of(taking(annotation), sent)

    assert reply.unpack(StringValue).value == read


@pytest.mark.parametrize(
    ("annotation", "sent", "said"),
    [
        (
            StringValue | Int64Value,
            Empty(),
            "'type.googleapis.com/google.protobuf.Empty', expected StringValue | Int64Value",
        ),
        (None, TEXT, "'type.googleapis.com/google.protobuf.StringValue', expected none"),
    ],
)
@pytest.mark.asyncio
async def test_a_request_of_none_of_the_types_is_refused_and_the_handler_is_not_run(
    annotation: Any, sent: Any, said: str
) -> None:
    reply = await reply_of(taking(annotation), sent)

    assert (reply.status.code, reply.executed.value) == (400, "no")
    assert reply.status.message == f"payload is a {said}"
