"""A service whose handlers have secrets pass through them."""

from collector_mesh import CallContext, IncomingCall, Middleware, Reply, ServeNext, Service

vault = Service("vault", "Vault")


@vault.method(idempotent=True)
async def keep(secret: str, context: CallContext) -> str:
    context.set_trailing_metadata({"kept": str(dict(context.metadata).get("note", ""))})
    return secret


@vault.method
def lose(secret: str) -> str:
    raise ValueError(f"lost {secret}")


@vault.method
async def count(number: int) -> int:
    return number


@vault.method
async def never(_secret: str, context: CallContext) -> str:
    return await context.call("vault", "Elsewhere", "gone", _secret, returns=str)


class Passing(Middleware):
    """Sees every call, and says nothing."""

    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        return await call_next(call)
