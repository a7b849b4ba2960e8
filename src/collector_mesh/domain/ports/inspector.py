"""Port: what a collector shows of itself to people and programs outside."""

from typing import Protocol

from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import Explanation, Snapshot


class Inspector(Protocol):
    """Answers people and programs that look at a collector, if they may."""

    def snapshot_for(self, identity: Identity | None, *, is_local: bool, is_own: bool = False) -> Snapshot:
        """What the collector is and knows, now.

        Args:
            identity: what the transport has proved about the asking program, or None.
            is_local: whether only programs on this machine can reach the address that was asked.
            is_own: whether only the user of the collector's own process can.

        Raises:
            MeshError: it is refused; nothing else gets out.
        """
        ...

    async def explanation_for(
        self,
        identity: Identity | None,
        key: MethodKey,
        *,
        is_local: bool,
        is_own: bool = False,
        caller: str = "",
    ) -> Explanation:
        """Where a call would go now, and why, the validator's word included; the names come as they arrived, unchecked.

        Access is told of a caller, as `token:ci`, or of whoever asks.

        Raises:
            MeshError: a name is malformed, or it is refused; nothing else gets out.
        """
        ...
