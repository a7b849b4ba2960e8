"""What failures of grpc mean to a caller."""

import grpc
import pytest

from collector_mesh.adapters.grpc.errors import mesh_error
from collector_mesh.domain.model.errors import Executed


def failed(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


@pytest.mark.parametrize(
    "details",
    [
        "SERVER: Received message larger than max (2000 vs. 1000)",
        "CLIENT: Sent message larger than max (2000 vs. 1000)",
        "grpc: received message larger than max (2000 vs. 1000)",
        "grpc: received message after decompression larger than max (2000 vs. 1000)",
    ],
)
def test_a_request_that_is_too_large_for_the_peer_is_413_and_has_not_run(details: str) -> None:
    error = mesh_error(failed(grpc.StatusCode.RESOURCE_EXHAUSTED, details), "a:1")

    assert (error.code, error.executed) == (413, Executed.NO)
    assert str(error) == "a:1: a request of 2000 bytes is over its limit of 1000 bytes"


@pytest.mark.parametrize(
    "details",
    [
        "Stream removed (CLIENT: Received message larger than max (5000 vs. 1000))",
        "CLIENT: Received message larger than max (5000 vs. 1000)",
        "trying to send message larger than max (5000 vs. 1000)",
        "quota",
    ],
)
def test_an_answer_that_is_too_large_is_an_unknown_outcome(details: str) -> None:
    error = mesh_error(failed(grpc.StatusCode.RESOURCE_EXHAUSTED, details), "a:1")

    assert (error.code, error.executed) == (502, Executed.MAYBE)
