"""The abstract classes of grpc.aio as bases: for a type checker all are generic, at run time that depends on the version."""

from typing import TYPE_CHECKING, Any, TypeAlias

from grpc import aio

if TYPE_CHECKING:
    UnaryUnaryCallBase: TypeAlias = aio.UnaryUnaryCall[Any, Any]
    UnaryStreamCallBase: TypeAlias = aio.UnaryStreamCall[Any, Any]
    StreamUnaryCallBase: TypeAlias = aio.StreamUnaryCall[Any, Any]
    StreamStreamCallBase: TypeAlias = aio.StreamStreamCall[Any, Any]
    UnaryUnaryBase: TypeAlias = aio.UnaryUnaryMultiCallable[Any, Any]
    UnaryStreamBase: TypeAlias = aio.UnaryStreamMultiCallable[Any, Any]
    StreamUnaryBase: TypeAlias = aio.StreamUnaryMultiCallable[Any, Any]
    StreamStreamBase: TypeAlias = aio.StreamStreamMultiCallable[Any, Any]
else:
    UnaryUnaryCallBase = aio.UnaryUnaryCall
    UnaryStreamCallBase = aio.UnaryStreamCall
    StreamUnaryCallBase = aio.StreamUnaryCall
    StreamStreamCallBase = aio.StreamStreamCall
    UnaryUnaryBase = aio.UnaryUnaryMultiCallable
    UnaryStreamBase = aio.UnaryStreamMultiCallable
    StreamUnaryBase = aio.StreamUnaryMultiCallable
    StreamStreamBase = aio.StreamStreamMultiCallable
