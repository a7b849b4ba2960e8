"""The inspect service on a grpc server: bytes in, the inspector's answer out."""

import grpc

from collector_mesh.adapters.grpc.callers import Callers, Identify
from collector_mesh.adapters.grpc.door import Context, Door
from collector_mesh.adapters.wire.inspect_codec import (
    decode_explain_request,
    decode_snapshot_request,
    encode_explanation,
    encode_snapshot,
)
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.ports.inspector import Inspector

INSPECT_SERVICE = "collector_mesh.inspect.v1.Inspect"


class InspectService:
    """Snapshot and Explain, with every outcome told in the answer.

    Args:
        inspector: who answers.
        identify: see `Callers`.
        proves_identity: whether callers show certificates.
        is_local: whether only programs on this machine can ask here.
        is_own: whether only the user of the collector's process can.
    """

    def __init__(
        self,
        inspector: Inspector,
        identify: Identify,
        *,
        proves_identity: bool,
        is_local: bool,
        is_own: bool = False,
    ) -> None:
        self._inspector = inspector
        self._callers = Callers(identify, proves_identity=proves_identity)
        self._is_local = is_local
        self._is_own = is_own

    def handler(self, door: Door) -> grpc.GenericRpcHandler:
        """What a server takes."""
        methods = {
            "Snapshot": door.unary(self.snapshot, encode_snapshot),
            "Explain": door.unary(self.explain, encode_explanation),
        }
        return grpc.method_handlers_generic_handler(INSPECT_SERVICE, methods)

    async def snapshot(self, data: bytes, context: Context) -> bytes:
        """Answer Snapshot."""
        try:
            decode_snapshot_request(data)
            shown = self._inspector.snapshot_for(
                self._callers.identity(context), is_local=self._is_local, is_own=self._is_own
            )
        except MeshError as error:
            return encode_snapshot(error)
        return encode_snapshot(shown)

    async def explain(self, data: bytes, context: Context) -> bytes:
        """Answer Explain."""
        try:
            key, caller = decode_explain_request(data)
            shown = await self._inspector.explanation_for(
                self._callers.identity(context),
                key,
                is_local=self._is_local,
                is_own=self._is_own,
                caller=caller,
            )
        except MeshError as error:
            return encode_explanation(error)
        return encode_explanation(shown)
