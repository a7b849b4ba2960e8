"""A service whose process cannot listen a second time; with this folder as the current one it is `unbindable`."""

from typing import Any, NoReturn

import grpc

from collector_mesh import Service

service = Service("texts", "Texts")


@service.method("Spoil")
async def spoil() -> None:
    """From now on no address can be listened on."""

    def fail(*_arguments: object) -> NoReturn:
        raise RuntimeError("taken")

    server: type[Any] = type(grpc.aio.server())
    server.add_insecure_port = fail
