"""The web application in front of the shop."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from collector_mesh import MeshClient, MeshError, Tls

MESH = os.environ.get("MESH", "127.0.0.1:50053,127.0.0.1:50054")


def tls() -> Tls | None:
    """The certificates of the application, where CERTS names their folder."""
    folder = os.environ.get("CERTS")
    if folder is None:
        return None
    return Tls(Path(folder, "web.crt"), Path(folder, "web.key"), Path(folder, "ca.pem"))


@asynccontextmanager
async def life(app: FastAPI) -> AsyncIterator[None]:
    """One client for all requests."""
    async with MeshClient(MESH, tls=tls()) as mesh:
        app.state.mesh = mesh
        yield


app = FastAPI(lifespan=life)


@app.put("/orders/{order_id}")
async def order(order_id: str, order: dict[str, Any], request: Request) -> Any:
    """Send an order; the browser chooses its id, so it may send it again."""
    wanted = order | {"order_id": order_id}
    mesh: MeshClient = request.app.state.mesh
    return await mesh.call("orders", "Orders", "Create", wanted, returns=dict, timeout=5)


@app.get("/stock")
async def stock(request: Request) -> Any:
    """What is left of everything."""
    mesh: MeshClient = request.app.state.mesh
    return await mesh.call("orders", "Orders", "Overview", ["tea", "cup"], returns=dict, timeout=2)


@app.exception_handler(MeshError)
async def refused(_request: Request, error: MeshError) -> JSONResponse:
    """The codes of the mesh are those of HTTP."""
    return JSONResponse({"error": str(error)}, status_code=error.code)
