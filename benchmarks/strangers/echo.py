"""What the collector that is attacked serves; with this folder as the current one it is `echo`."""

from collector_mesh import Payload, Service

service = Service("texts", "Texts")


@service.method("Echo", idempotent=True)
async def echo(request: Payload) -> Payload:
    """Give back what has come."""
    return request
